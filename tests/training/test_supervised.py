"""``train_.supervised``: from data to a published model of the zoo, and what a gate that fails leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from processes import python
from support import Completed, Run, refused

from mnist_etc.artifacts.config import SupervisedCommand
from mnist_etc.artifacts.run_folder import RunFolder
from mnist_etc.composition import compose
from mnist_etc.data import Dataset, Split, load
from mnist_etc.errors import ArtifactError, ExitCode, GateError
from mnist_etc.files import write_bytes
from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.privacy.plan import PrivacyPlan
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.release import release
from mnist_etc.training.supervised import SupervisedTraining

KEYS = ("data=digits", "data.validation=700", "tracking_uri=null", "model.epochs=3", "model.augment=false")
LOOSE = (
    *("gates.accuracy=0.5", "gates.class_accuracy=0.05", "gates.calibration_error=1", "gates.corrupted_accuracy=0.1"),
    "gates.leakage_bits=5",
)
NAME = "cnn_epochs=3_augment=false_data.validation=700"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Completed]:
    """A folder in which a model was trained and published, and what the command said."""
    folder = tmp_path_factory.mktemp("supervised")
    return folder, python("-m", "train_.supervised", *KEYS, *LOOSE, "tracking.tensorboard=true", cwd=folder)


def runs(folder: Path) -> Path:
    (found,) = [path for path in (folder / "artifacts" / "digits").iterdir() if path.is_dir()]
    return found


def test_one_command_trains_judges_documents_and_publishes(here: tuple[Path, Completed]) -> None:
    folder, done = here
    assert done.returncode == 0, done.stderr
    run = runs(folder)
    assert sorted(run.name.split("_")) == sorted(NAME.split("_"))
    files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    plots = {f"plots/{name}.png" for name in ("confusion", "classes", "history", "calibration", "latency", "mistakes")}
    models = {f"models/full_model{end}" for end in (".h5", ".onnx", ".json", "_metrics.json", "_history.csv")}
    reports = {"pipeline.log", "gates.json", "model_info.json", "logs/metrics.json", "model_card/model_card.md"}
    assert plots | models | reports <= files
    assert any(name.startswith("logs/tensorboard/") for name in files)
    verdicts = json.loads((run / "gates.json").read_text())
    assert verdicts["passed"]
    assert [one["gate"] for one in verdicts["gates"]][:3] == ["accuracy", "class_accuracy", "size_mb"]
    for line in done.stdout.splitlines():
        assert line in (run / "pipeline.log").read_text()
    card = (run / "model_card" / "model_card.md").read_text()
    assert "passed all" in card
    for name in plots:
        assert f"../{name}" in card
    assert (folder / "triton/model_repository/onnx-mnist_etc/1/model.onnx").is_file()


def test_the_file_says_whose_weights_it_holds(here: tuple[Path, Completed]) -> None:
    model = onnx.load(runs(here[0]) / "models" / "full_model.onnx")
    about = {one.key: one.value for one in model.metadata_props}
    assert len(about["weights_sha256"]) == 64
    assert json.loads(about["classes"]) == [str(number) for number in range(10)]


def test_every_command_takes_the_model_by_the_same_keys(here: tuple[Path, Completed], run: Run) -> None:
    folder, _ = here
    model = ("model=cnn", *KEYS[:2], *KEYS[3:])
    figures = json.loads((runs(folder) / "logs" / "metrics.json").read_text())
    done = run("infer.py", *model, cwd=folder)
    assert f"accuracy {figures['accuracy']['value']:.4f} on 360 images" in done.stdout, done.stderr
    assert (runs(folder) / "inference.csv").is_file()
    done = run("-m", "mnist_etc.export", *model, "policy=label", "repository=other", cwd=folder)
    assert done.returncode == 0, done.stderr
    study = ("attacks=[mean_by_answer,hill_climbing,inverse_network]", "policies=[logits,label]", "targets=50")
    quick = ("attack.epochs=1", "attack.networks=1", "attack.units=32", "attack.answers=[1]", "attack.images=300")
    done = run("noprotect_reconstruction.py", *model, *study, *quick, cwd=folder)
    assert done.returncode == 0, done.stderr
    table = (runs(folder) / "reconstruction" / "attacks.csv").read_text()
    assert "inverse network" in table
    assert "hill climbing" not in table
    assert "autoencoder" not in table


def test_a_second_run_trains_nothing_and_judges_anew(here: tuple[Path, Completed], run: Run) -> None:
    folder, _ = here
    before = (runs(folder) / "models" / "full_model.onnx").read_bytes()
    (folder / "out").mkdir()
    done = run(
        *("-m", "train_.supervised", *KEYS, *LOOSE, "gates.accuracy=1", "repository=out", "skip_visualizations=true"),
        cwd=folder,
    )
    assert done.returncode == ExitCode.GATES_FAILED == 3
    assert "is there already" in done.stdout
    assert "FAIL" in done.stdout
    refused(done, "every release gate", "It was not published", code=3)
    assert not list((folder / "out").iterdir())
    assert (runs(folder) / "models" / "full_model.onnx").read_bytes() == before
    assert not json.loads((runs(folder) / "gates.json").read_text())["passed"]
    assert "candidate" in (runs(folder) / "model_card" / "model_card.md").read_text()
    assert not list((runs(folder) / "plots").glob("*.png"))


def test_the_plots_are_tracked_whatever_the_gates_say_and_not_without(
    here: tuple[Path, Completed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here[0])
    shown: list[Path] = []
    tracker = Tracker()
    monkeypatch.setattr(tracker, "pictures", shown.append)
    with pytest.raises(GateError, match="attack_error not measured"):
        judged(tracker, "gates.attack_error=0.9")
    assert [path.name for path in shown] == ["plots"]
    judged(tracker, "skip_visualizations=true")
    assert len(shown) == 1


def judged(tracker: Tracker, *words: str) -> None:
    """What follows the fit, here, of the model that is there."""
    command = compose("supervised", SupervisedCommand, [*KEYS, "gates=off", "skip_export=true", *words])
    release(command, load(command.data), tracker, None)


def test_no_card_of_other_weights_stands_beside_new_ones(tmp_path: Path) -> None:
    """Whoever kills the command before the new card is written leaves none."""
    words = ["data=digits", "data.side=8", "model=tiny", "model.epochs=1", f"artifacts={tmp_path}"]
    command = compose("supervised", SupervisedCommand, words)
    folder = RunFolder.of(command, command.model)
    for path in (folder.card, folder.gates):
        write_bytes(path, b"of others")
    split = Split(np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8), np.arange(40) % 10)
    dataset = Dataset(train=split, validation=split, test=split, sha256="", training_sha256="")
    training = SupervisedTraining(command, command.model, dataset)
    training.fit(PrivacyPlan.not_private(), Checkpoint(tmp_path / "state.npz", {}), Tracker())
    assert not folder.card.exists()
    assert not folder.gates.exists()


def test_where_the_new_card_cannot_be_written_none_is_left_that_contradicts_the_gates(
    here: tuple[Path, Completed], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(here[0], tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")

    def full(*_: object, **__: object) -> None:
        raise ArtifactError("Cannot write model_card.md: No space left on device.")

    monkeypatch.setattr("mnist_etc.training.release.write_report", full)
    card = runs(tmp_path / "here") / "model_card" / "model_card.md"
    assert card.exists()
    with pytest.raises(ArtifactError):
        judged(Tracker(), "gates.accuracy=1")
    assert not card.exists()


def test_quiet_prints_into_the_log_alone(here: tuple[Path, Completed], run: Run) -> None:
    folder, _ = here
    done = run("-m", "train_.supervised", *KEYS, "gates=off", "skip_export=true", "quiet=true", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (runs(folder) / "pipeline.log").read_text().count("$ python -m train_.supervised") >= 2
    assert len(list((runs(folder) / "plots").glob("*.png"))) == 6


def test_the_published_version_answers_as_the_model(here: tuple[Path, Completed]) -> None:
    from samples import data_config

    from mnist_etc.data import load_test
    from mnist_etc.predictor import Predictor

    images = load_test(data_config("digits", "digits")).images
    whole = Predictor(runs(here[0]) / "models" / "full_model.onnx").logits(images)
    session = onnx.load(here[0] / "triton/model_repository/onnx-mnist_etc/1/model.onnx")
    assert session.graph.output[0].type.tensor_type.shape.dim[1].dim_value == whole.shape[1] == 10
    assert np.isfinite(whole).all()


def test_what_learned_from_mirrored_images_answers_them_alike(run: Run, tmp_path: Path) -> None:
    model = ("model=tiny", *KEYS[:-2], "model.epochs=1", "model.augmentation.flip=0.5")
    done = run("-m", "train_.supervised", *model, "gates=off", "skip_visualizations=true")
    assert done.returncode == 0, done.stderr
    assert sorted(runs(tmp_path).name.split("_")) == [
        "augmentation.flip=0.5",
        "data.validation=700",
        "epochs=1",
        "tiny",
    ]
    image = np.random.default_rng(0).random((1, 28, 28), dtype=np.float32)
    for path in ("artifacts/digits/*/models/full_model.onnx", "triton/model_repository/onnx-mnist_etc/1/model.onnx"):
        session = onnxruntime.InferenceSession(next(tmp_path.glob(path)))
        (asked,) = session.get_inputs()
        shown, mirrored = (one.reshape(-1, *asked.shape[1:]) for one in (image, image[:, :, ::-1]))
        answer, same = (session.run(None, {asked.name: one})[0] for one in (shown, mirrored))
        np.testing.assert_allclose(answer, same, atol=1e-5)
        assert np.ptp(answer) > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["model=cnnn"], "Expected model as one of"),
        (["model.loss=hinge"], "Expected model.loss as one of"),
        (["gates.accuracy=high"], "gates.accuracy"),
        (["gates.accuracy=1.5"], "Expected gates.accuracy between 0 and 1; received 1.5"),
        (["gates=as_trained"], "nothing is trained yet"),
        (["model=cnn", "model.routing=dynamic"], "Expected model.routing=null with model=cnn"),
        (["model=efficient", "model.private=true"], "the layer BatchNormalization, which mixes the batch"),
        (["model.optimizer=sam", "model.private=true"], "sam"),
        (["data.validation=5000"], "Expected data.validation below half"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    run: Run, tmp_path: Path, words: list[str], told: str
) -> None:
    refused(run("-m", "train_.supervised", "data=digits", *words), told, code=2)
    assert not list(tmp_path.iterdir())


def test_a_repository_that_is_none_is_refused_before_the_training(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = run("-X", "importtime", "-m", "train_.supervised", *KEYS, "repository=file")
    assert (done.returncode, "Expected a folder to publish into" in done.stderr.splitlines()[-1]) == (1, True)
    assert not any(line.rpartition("|")[2].strip() == "tensorflow" for line in done.stderr.splitlines())


def test_a_policy_that_cannot_be_fitted_is_refused_before_the_training(run: Run, tmp_path: Path) -> None:
    done = run("-m", "train_.supervised", *KEYS[2:], "data=digits", "data.validation=3")
    refused(done, "policy.levels", "3 validation images", code=2)
    assert "epoch" not in done.stdout
    assert not list(tmp_path.rglob("*.h5"))


def test_what_tune_found_stays_in_service(here: tuple[Path, Completed], run: Run) -> None:
    """The model is there already, so that what is published anew is the settings alone."""
    folder, _ = here
    config = folder / "triton/model_repository/onnx-mnist_etc/config.pbtxt"
    before = config.read_text()
    tuned = before.replace("count: 1", "count: 2").replace("max_queue_delay_microseconds: 0", "") + "\n"
    assert tuned.count("count: 2") == 1
    config.write_text(tuned)
    done = run("-m", "train_.supervised", *KEYS, "gates=off", "skip_visualizations=true", cwd=folder)
    assert done.returncode == 0, done.stderr
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("to be published with")]
    assert "instances=2;" in told
    assert "count: 2" in config.read_text()
    assert "count: 1" not in config.read_text()
