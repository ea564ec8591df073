"""The training commands as a user runs them, on the embedded digits."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from processes import killed_once, python
from support import Run, same_weights, weights

from mnist_etc.processes import THREADS

SHORT = ["data=digits", "autoencoder.epochs=3", "classifier.epochs=2"]
UNTRACKED = "tracking_uri=null"
AE, CLSF, FULL = "ae_h32_e3_weights", "clsf_h32_ee3_e2_fc_weights", "full_model_h32_ee3_ce2"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """A folder in which ``train.py`` ran once, tracked, on every core: as those that repeat it to the bit."""
    folder = tmp_path_factory.mktemp("trained")
    done = python(str(project / "train.py"), *SHORT, "run_name=first", cwd=folder, env=dict.fromkeys(THREADS))
    assert done.returncode == 0, done.stderr
    (folder / "stdout").write_text(done.stdout)
    (folder / "stderr").write_text(done.stderr)
    return folder


def test_every_promised_file_is_there(trained: Path) -> None:
    folder = trained / "artifacts" / "digits"
    for stem in (AE, CLSF, FULL):
        for suffix in (".h5", ".onnx", ".json"):
            assert (folder / f"{stem}{suffix}").is_file()
    for epoch in (1, 2, 3):
        names = sorted(path.name for path in (folder / f"ae_h32_e3_examples_{epoch}").iterdir())
        assert names == sorted(
            [f"{kind}_{digit}.png" for kind in ("orig", "rec") for digit in range(10)] + ["sheet.png"]
        )
    leftovers = [path for path in folder.iterdir() if path.name.startswith(".mnist_etc-") or "checkpoint" in path.name]
    assert leftovers == []


def test_the_pictures_show_the_digits_and_improve(trained: Path) -> None:
    folder = trained / "artifacts" / "digits"

    def error(epoch: int) -> float:
        pairs = [
            [
                np.asarray(Image.open(folder / f"ae_h32_e3_examples_{epoch}" / f"{kind}_{digit}.png"), float) / 255
                for kind in ("orig", "rec")
            ]
            for digit in range(10)
        ]
        assert all(image.shape == (28, 28) for pair in pairs for image in pair)
        return float(np.mean([np.square(original - rebuilt).mean() for original, rebuilt in pairs]))

    assert error(3) < error(1)


def test_progress_is_a_line_an_epoch_where_the_output_is_no_terminal(trained: Path) -> None:
    lines = (trained / "stdout").read_text().splitlines()
    epochs = [line for line in lines if "images/s" in line]
    assert len(epochs) == 3 + 2
    assert "autoencoder  epoch 1/3  loss" in epochs[0]
    assert "s left" in epochs[0]
    assert (trained / "stderr").read_text() == ""


def test_the_manifest_states_what_was_trained_on_what(trained: Path) -> None:
    manifest = json.loads((trained / "artifacts" / "digits" / f"{FULL}.json").read_text())
    assert manifest["configuration"]["autoencoder"]["hid_dim"] == 32
    assert manifest["configuration"]["data"]["name"] == "digits"
    assert manifest["epsilon"] is None
    assert set(manifest["files"]) == {f"{FULL}.h5", f"{FULL}.onnx"}
    assert 0 < manifest["metrics"]["test_accuracy"] <= 1
    assert len(manifest["dataset_sha256"]) == 64


def test_the_figures_lie_where_dvc_reads_them(trained: Path) -> None:
    folder = trained / "artifacts" / "digits"
    assert set(json.loads((folder / f"{AE}_metrics.json").read_text())) == {"validation_mse", "test_mse"}
    with (folder / f"{AE}_history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[2]["validation_mse"]) < float(rows[0]["validation_mse"])


def test_the_full_model_is_the_encoder_and_the_classifier(trained: Path) -> None:
    """The ONNX files against each other and against NumPy: codes by least squares are not needed, the logits are."""
    folder = trained / "artifacts" / "digits"
    session = onnxruntime.InferenceSession(folder / f"{FULL}.onnx")
    (wanted,), (given,) = session.get_inputs(), session.get_outputs()
    assert (wanted.name, wanted.shape[1:], given.name, given.shape[1:]) == ("input", [28, 28, 1], "output", [10])
    images = np.random.default_rng(0).random((7, 28, 28, 1), dtype=np.float32)
    together = session.run(None, {"input": images})[0]
    one_by_one = np.concatenate([session.run(None, {"input": images[i : i + 1]})[0] for i in range(7)])
    np.testing.assert_allclose(together, one_by_one, atol=1e-4)
    arrays = list(weights(folder / f"{CLSF}.h5").values())
    kernel = next(array for array in arrays if array.shape == (32, 10))
    bias = next(array for array in arrays if array.shape == (10,))
    codes = np.random.default_rng(1).normal(size=(64, 32)).astype(np.float32)
    linear = onnxruntime.InferenceSession(folder / f"{CLSF}.onnx").run(None, {"input": codes})[0]
    np.testing.assert_allclose(linear, codes @ kernel + bias, atol=1e-4)


def test_keras_reads_the_h5_back_and_agrees_with_onnx(trained: Path, run: Run) -> None:
    """By ``load_model`` where this package is out of reach, and by ``load_weights``."""
    script = f"""
import sys
sys.modules["mnist_etc"] = None
import keras, numpy as np, onnxruntime
answered = {{}}
for name in ("{AE}", "{CLSF}", "{FULL}"):
    path = {str(trained / "artifacts" / "digits")!r} + "/" + name
    model = keras.saving.load_model(path + ".h5", compile=False)
    inputs = np.random.default_rng(0).random((64, *model.input_shape[1:]), dtype=np.float32)
    onnx = onnxruntime.InferenceSession(path + ".onnx").run(None, {{"input": inputs}})[0]
    answered[name] = model(inputs).numpy()
    print(abs(onnx - answered[name]).max() < 1e-4)
del sys.modules["mnist_etc"]
from mnist_etc.composition import compose
from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.models.autoencoder import build_autoencoder
config = compose("train", TrainCommand, {SHORT})
folder = {str(trained / "artifacts" / "digits")!r}
model = build_autoencoder(config.autoencoder)
model.load_weights(folder + "/{AE}.h5")
images = np.random.default_rng(0).random((64, 28, 28, 1), dtype=np.float32)
onnx = onnxruntime.InferenceSession(folder + "/{AE}.onnx").run(None, {{"input": images}})[0]
print(abs(onnx - model(images).numpy()).max() < 1e-4, model.get_layer("encoder")(images).shape)
print(np.array_equal(model(images), answered["{AE}"]))
"""
    done = run("-c", script)
    assert done.stdout.splitlines() == ["True", "True", "True", "True (64, 32)", "True"], done.stderr


@pytest.mark.usefixtures("all_threads")
def test_a_seed_repeats_a_run_to_the_bit_and_another_does_not(trained: Path, run: Run, tmp_path: Path) -> None:
    """Every byte of the files, in another process: neither times nor hashes nor counters have a say."""
    assert run("train.py", *SHORT, UNTRACKED).returncode == 0
    assert run("train.py", *SHORT, UNTRACKED, "seed=1", "artifacts=other").returncode == 0
    for stem in (AE, CLSF, FULL):
        first = trained / "artifacts" / "digits" / f"{stem}.h5"
        for suffix in (".h5", ".onnx"):
            again = tmp_path / "artifacts" / "digits" / f"{stem}{suffix}"
            assert first.with_suffix(suffix).read_bytes() == again.read_bytes(), again
        assert not same_weights(first, tmp_path / "other" / "digits" / f"{stem}.h5")


@pytest.mark.usefixtures("all_threads")
def test_a_finished_training_is_not_repeated_unless_forced(trained: Path, run: Run) -> None:
    file = trained / "artifacts" / "digits" / f"{AE}.h5"
    before = file.stat().st_mtime_ns
    again = run("train.py", *SHORT, UNTRACKED, cwd=trained)
    assert again.returncode == 0
    assert again.stdout.count("is there already") == 2
    assert file.stat().st_mtime_ns == before
    forced = run("-m", "train_.autoencoder", "data=digits", "epochs=3", "force=true", UNTRACKED, cwd=trained)
    assert "is there already" not in forced.stdout
    assert file.stat().st_mtime_ns > before


@pytest.mark.usefixtures("all_threads")
def test_killed_in_the_autoencoder_it_resumes_to_the_same_bits(
    trained: Path, run: Run, tmp_path: Path, project: Path
) -> None:
    folder = tmp_path / "artifacts" / "digits"
    command = [str(project / "train.py"), *SHORT, UNTRACKED]
    killed_once((folder / f"{AE}_checkpoint.npz").exists, *command, cwd=tmp_path)
    assert not (folder / f"{AE}.h5").exists()
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "resumes after epoch" in done.stdout
    for stem in (AE, CLSF, FULL):
        assert same_weights(trained / "artifacts" / "digits" / f"{stem}.h5", folder / f"{stem}.h5")


@pytest.mark.usefixtures("all_threads")
def test_killed_in_the_classifier_it_resumes_to_the_same_bits(trained: Path, run: Run, tmp_path: Path) -> None:
    """Begun in a process of its own, tracked, and finished untracked: nothing of that moves a bit."""
    folder = tmp_path / "artifacts" / "digits"
    shutil.copytree(trained / "artifacts", tmp_path / "artifacts")
    for path in [*folder.glob("clsf*"), *folder.glob("full*")]:
        path.unlink()
    command = ["-m", "train_.classifier", *(key.removeprefix("classifier.") for key in SHORT)]
    killed_once((folder / f"{CLSF}_checkpoint.npz").exists, *command, cwd=tmp_path)
    done = run(*command, UNTRACKED)
    assert (tmp_path / "mlflow.db").exists()
    assert done.returncode == 0, done.stderr
    assert "resumes after epoch" in done.stdout
    for stem in (CLSF, FULL):
        assert same_weights(trained / "artifacts" / "digits" / f"{stem}.h5", folder / f"{stem}.h5")


@pytest.mark.slow
@pytest.mark.parametrize("hid_dim", [1, 1024])
def test_any_code_size_trains(run: Run, tmp_path: Path, hid_dim: int) -> None:
    done = run(
        "train.py",
        "data=digits",
        f"autoencoder.hid_dim={hid_dim}",
        "autoencoder.epochs=1",
        "autoencoder.batch_size=256",
        "classifier.epochs=1",
        "data.validation=700",
        UNTRACKED,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "artifacts" / "digits" / f"full_model_h{hid_dim}_ee1_ce1.onnx").is_file()


def test_hidden_units_make_the_classifier_deeper(run: Run, trained: Path) -> None:
    done = run(
        "-m",
        "train_.classifier",
        "data=digits",
        "epochs=1",
        "hidden_units=[16,8]",
        "autoencoder.epochs=3",
        UNTRACKED,
        cwd=trained,
    )
    assert done.returncode == 0, done.stderr
    shapes = {array.shape for array in weights(trained / "artifacts/digits/clsf_h32_ee3_e1_fc_weights.h5").values()}
    assert {(32, 16), (16, 8), (8, 10)} <= shapes


def test_the_store_holds_nested_runs_figures_pictures_and_registered_models(trained: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{trained}/mlflow.db")
    experiment = client.get_experiment_by_name("mnist_etc")
    assert experiment is not None
    runs = {found.info.run_name: found for found in client.search_runs([experiment.experiment_id])}
    parent = runs["first"]
    for name in ("autoencoder", "classifier"):
        assert runs[name].data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert len(parent.data.tags["dataset_sha256"]) == 64
    assert len(parent.data.tags["git_commit"].removesuffix("-dirty")) in (7, 40)
    assert runs["autoencoder"].data.params["autoencoder.hid_dim"] == "32"
    steps = client.get_metric_history(runs["autoencoder"].info.run_id, "validation_mse")
    assert {metric.step for metric in steps} >= {1, 2, 3}
    pictures = client.list_artifacts(runs["autoencoder"].info.run_id, "ae_h32_e3_examples_3")
    assert len(pictures) == 21
    for name in ("autoencoder", "classifier", "full_model"):
        version = client.get_model_version_by_alias(f"mnist_etc_{name}", "candidate")
        assert version.status == "READY"
