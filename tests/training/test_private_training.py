"""DP-SGD through the real commands, on the embedded digits: what is stated, what resumes, what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from processes import python
from support import Run, refused, same_weights

from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.artifacts.data_key import DataKey
from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.privacy.accounting import SampledGaussian, spent
from mnist_etc.privacy.config import Accountant

DIGITS = ["data=digits", "tracking_uri=null", "privacy.delta=1e-4"]
BOTH = [
    *DIGITS,
    *("autoencoder.private=true", "autoencoder.epochs=2", "autoencoder.batch_size=128"),
    "autoencoder.pretraining_epochs=0",
    *("classifier.private=true", "classifier.epochs=2", "classifier.batch_size=128"),
]
AE, CLSF, FULL = (
    "ae_h32_e2_private_weights",
    "clsf_h32_ee2_eprivate_e2_private_fc_weights",
    "full_model_h32_ee2_eprivate_ce2_cprivate",
)
KNOWN = {"epoch", "epsilon", "images_per_second", "validation_mse", "validation_accuracy"}
SCATTERING = [*DIGITS, "features=scattering", "classifier.private=true", "classifier.epochs=2"]


@pytest.fixture(scope="session")
def private(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """A folder in which ``train.py`` trained both parts with DP-SGD."""
    folder = tmp_path_factory.mktemp("private")
    tracked = ["tracking_uri=sqlite:///mlflow.db", "run_name=first"]
    done = python(str(project / "train.py"), *BOTH, *tracked, cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "stdout").write_text(done.stdout)
    return folder


def manifest(folder: Path, stem: str) -> dict:
    return json.loads((folder / "artifacts" / "digits" / f"{stem}.json").read_text())


def columns(folder: Path, stem: str) -> dict[str, list[float]]:
    """The history, a list an epoch by its name."""
    with (folder / "artifacts" / "digits" / f"{stem}_history.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def test_the_whole_pipelines_epsilon_is_that_of_both_composed(private: Path) -> None:
    full = manifest(private, FULL)
    stages = full["privacy"]["stages"]
    assert [stage["name"] for stage in stages] == ["autoencoder", "whitening", "classifier"]
    assert [stage["steps"] for stage in stages] == [2 * 10, 1, 2 * 10]
    assert all(stage["examples"] == 1237 for stage in stages)
    assert [stage["sampling_rate"] for stage in stages] == pytest.approx([128 / 1237, 1, 128 / 1237])
    mechanisms = [
        SampledGaussian(**{key: stage[key] for key in ("sampling_rate", "noise_multiplier", "steps")})
        for stage in stages
    ]
    assert full["epsilon"] == pytest.approx(spent(mechanisms, 1e-4, Accountant.pld))
    assert 2.97 < full["epsilon"] <= 3
    assert manifest(private, CLSF)["epsilon"] == full["epsilon"]
    assert manifest(private, AE)["epsilon"] == pytest.approx(spent(mechanisms[:1], 1e-4, Accountant.pld))
    assert 1.48 < manifest(private, AE)["epsilon"] <= 1.5
    assert full["privacy"]["adjacency"].startswith("one image's contribution present or zeroed; number of images")


def test_each_progress_line_states_the_epsilon_so_far(private: Path) -> None:
    lines = [line for line in (private / "stdout").read_text().splitlines() if "images/s" in line]
    stated = [float(line.split("epsilon ")[1].split()[0]) for line in lines]
    assert len(stated) == 4
    assert stated == sorted(stated)
    assert stated[1] == pytest.approx(manifest(private, AE)["epsilon"], abs=1e-4)
    assert stated[3] == pytest.approx(manifest(private, FULL)["epsilon"], abs=1e-4)


def test_the_store_holds_epsilon_after_each_epoch_and_no_training_loss(private: Path) -> None:
    client = MlflowClient(f"sqlite:///{private}/mlflow.db")
    experiment = client.get_experiment_by_name("mnist_etc")
    assert experiment is not None
    runs = {found.info.run_name: found for found in client.search_runs([experiment.experiment_id])}
    for name, stem in (("autoencoder", AE), ("classifier", FULL)):
        history = client.get_metric_history(runs[name].info.run_id, "epsilon")
        assert [metric.step for metric in history] == [1, 2]
        assert history[-1].value == pytest.approx(manifest(private, stem)["epsilon"])
        assert "loss" not in runs[name].data.metrics
        assert runs[name].data.tags["privacy"] == manifest(private, stem)["privacy"]["words"]
    for name, stem in (("autoencoder", AE), ("classifier", CLSF), ("full_model", FULL)):
        version = client.get_model_version_by_alias(f"mnist_etc_{name}", "candidate")
        assert version.tags["privacy"] == manifest(private, stem)["privacy"]["words"]


def test_nothing_measured_on_training_images_is_written(private: Path) -> None:
    """Only the noised sums are accounted: a training loss would be a release of its own."""
    assert "loss" not in (private / "stdout").read_text()
    for stem in (AE, CLSF):
        assert columns(private, stem).keys() <= KNOWN


def test_nothing_that_is_left_holds_an_exact_function_of_the_training_images(private: Path) -> None:
    """Who knows all of them but one would confirm the last by their checksum: no file and no tag has it."""
    sha256 = load(compose("train", TrainCommand, ["data=digits"]).data).sha256
    key = private / "artifacts" / ".privacy_key"
    assert key.stat().st_mode & 0o777 == 0o600
    secret = key.read_text().strip()
    assert manifest(private, FULL)["dataset_hmac_sha256"] == DataKey(key).name(sha256)
    files = [path for path in private.rglob("*") if path.is_file()]
    assert {"mlflow.db", f"{FULL}.h5", "privacy_ledger.json", "stdout"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        for told in (sha256, sha256[:12]):
            assert told.encode() not in content, path
            assert told.upper().encode() not in content, path
        assert bytes.fromhex(sha256) not in content, path
        assert path == key or secret.encode() not in content, path


def test_a_private_model_is_known_by_its_key_alone(private: Path, run: Run, tmp_path: Path) -> None:
    shutil.copytree(private / "artifacts", tmp_path / "artifacts")
    assert "is there already" in run("train.py", *BOTH).stdout
    (tmp_path / "artifacts" / ".privacy_key").unlink()
    refused(run("train.py", *BOTH), ".privacy_key, under whose key", "received no such file. Put it back")
    assert not (tmp_path / "artifacts" / ".privacy_key").exists()
    assert run("infer.py", *BOTH).returncode == 0


def test_all_trainings_on_the_same_images_add_up(private: Path, run: Run, tmp_path: Path) -> None:
    """Another folder and another seed do not begin anew, one with no room left is refused before TensorFlow loads."""
    shutil.copytree(private / "artifacts", tmp_path / "artifacts")
    entered = json.loads((tmp_path / "artifacts" / "privacy_ledger.json").read_text())["trainings"]
    assert [[stage["name"] for stage in one["stages"]] for one in entered] == [
        ["autoencoder"],
        ["whitening", "classifier"],
    ]
    first = manifest(private, FULL)
    assert first["privacy"]["lifetime"]["epsilon"] == pytest.approx(first["epsilon"], rel=1e-3)
    asked = [*DIGITS, "private=true", "epochs=1", "batch_size=128", "pretraining_epochs=0", "seed=5", "artifacts=again"]
    done = run("-m", "train_.autoencoder", *asked)
    assert done.returncode == 0, done.stderr
    again = json.loads((tmp_path / "again" / "digits" / "ae_h32_e1_private_weights.json").read_text())
    together = again["privacy"]["lifetime"]
    assert together["trainings"] == 3
    assert together["epsilon"] > first["epsilon"]
    assert f"all private trainings on these images so far: {together['words']} (artifacts/" in done.stdout
    ledger = (tmp_path / "artifacts" / "privacy_ledger.json").read_bytes()
    done = run("-m", "train_.autoencoder", *asked, "force=true", "privacy.lifetime_epsilon=4")
    refused(done, "privacy.lifetime_epsilon of at least", "the 3 before it on the same images", "received 4", code=2)
    assert (tmp_path / "artifacts" / "privacy_ledger.json").read_bytes() == ledger


def test_those_that_begin_while_it_trains_are_in_what_all_so_far_give_away(run: Run, tmp_path: Path) -> None:
    keys = [*DIGITS, "private=true", "epochs=1", "batch_size=128", "pretraining_epochs=0"]
    script = f"""
from mnist_etc.artifacts.config import AutoencoderCommand
from mnist_etc.artifacts.ledger import Ledger
from mnist_etc.composition import compose
from mnist_etc.training.autoencoder import AutoencoderTraining
from mnist_etc.training.pipeline import train_autoencoder
fit = AutoencoderTraining.fit
def meanwhile(self, plan, *others):
    Ledger(self._run.privacy).enter("other", self._dataset.training_sha256, plan.own, "other")
    return fit(self, plan, *others)
AutoencoderTraining.fit = meanwhile
train_autoencoder(compose("autoencoder", AutoencoderCommand, {keys}))
"""
    done = run("-c", script)
    assert done.returncode == 0, done.stderr
    stated = manifest(tmp_path, "ae_h32_e1_private_weights")["privacy"]
    assert stated["lifetime"]["trainings"] == 2
    assert stated["lifetime"]["epsilon"] > stated["epsilon"]
    assert f"all private trainings on these images so far: {stated['lifetime']['words']} (" in done.stdout


def test_infer_says_what_the_model_promises(private: Path, run: Run) -> None:
    done = run("infer.py", *BOTH, cwd=private)
    assert done.returncode == 0, done.stderr
    promised = next(line for line in done.stdout.splitlines() if line.startswith("privacy"))
    assert manifest(private, FULL)["privacy"]["words"] in promised
    assert "1,237 training images, autoencoder, whitening and classifier together" in promised


@pytest.mark.slow
@pytest.mark.usefixtures("all_threads")
def test_a_given_seed_repeats_to_the_bit_and_promises_nothing(run: Run, tmp_path: Path) -> None:
    done = run("train.py", *BOTH, "privacy.seed=7")
    assert done.returncode == 0, done.stderr
    assert run("train.py", *BOTH, "privacy.seed=7", "artifacts=again", fresh=True).returncode == 0
    for stem in (AE, CLSF, FULL):
        first, again = (tmp_path / name / "digits" / f"{stem}.h5" for name in ("artifacts", "again"))
        assert same_weights(first, again)
        stated = manifest(tmp_path, stem)
        assert stated["epsilon"] is None
        assert stated["privacy"]["words"].startswith("none: privacy.seed was given, and who learns it can take the")
        assert stated["configuration"]["autoencoder"]["privacy"]["seed"] == 7
    lines = [line for line in done.stdout.splitlines() if "images/s" in line]
    assert all("  epsilon_if_the_seed_were_secret " in line and " epsilon " not in line for line in lines)
    assert columns(tmp_path, AE).keys() == {*KNOWN} - {"epsilon", "validation_accuracy"} | {
        "epsilon_if_the_seed_were_secret"
    }


def test_without_a_seed_no_training_repeats_another(private: Path, run: Run, tmp_path: Path) -> None:
    assert run("train.py", *BOTH).returncode == 0
    for stem in (AE, CLSF, FULL):
        first, again = (folder / "artifacts" / "digits" / f"{stem}.h5" for folder in (private, tmp_path))
        assert not same_weights(first, again)
    assert manifest(private, FULL)["configuration"]["classifier"]["privacy"]["seed"] is None


def test_an_encoder_trained_without_noise_leaves_no_guarantee(run: Run, tmp_path: Path) -> None:
    """And no figure that could be taken for one, in the store, the history or on the progress line."""
    tracked = "tracking_uri=sqlite:///mlflow.db"
    command = [*DIGITS, tracked, "autoencoder.epochs=1", "classifier.private=true", "classifier.epochs=1"]
    done = run("train.py", *command)
    assert done.returncode == 0, done.stderr
    stated = manifest(tmp_path, "full_model_h32_ee1_ce1_cprivate")
    assert stated["epsilon"] is None
    for text in (stated["privacy"]["words"], done.stdout, run("infer.py", *command).stdout):
        assert "none: the autoencoder was trained without DP-SGD on the same images" in text
    name, store = "epsilon_of_classifier_alone", MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = store.search_experiments(filter_string="name = 'mnist_etc'")
    found = next(one for one in store.search_runs([experiment.experiment_id]) if one.info.run_name == "classifier")
    assert found.data.tags["privacy"] == stated["privacy"]["words"]
    history = columns(tmp_path, "clsf_h32_ee1_e1_private_fc_weights")
    assert "epsilon" not in history.keys() | found.data.metrics.keys()
    assert history[name] == [found.data.metrics[name]] == pytest.approx([3], rel=0.01)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("classifier  epoch")]
    assert f"  {name} {history[name][0]:.5f}  " in line
    assert " epsilon " not in line


def test_a_classifier_trained_without_noise_leaves_no_guarantee(private: Path, run: Run, tmp_path: Path) -> None:
    shutil.copytree(private / "artifacts", tmp_path / "artifacts")
    done = run("train.py", *BOTH, "classifier.private=false")
    assert done.returncode == 0, done.stderr
    stated = manifest(tmp_path, "full_model_h32_ee2_eprivate_ce2")
    assert stated["epsilon"] is None
    assert stated["privacy"]["words"].startswith("none: the classifier was trained without DP-SGD on the same images")


def test_scattering_spends_the_whole_budget_on_the_classifier(run: Run, tmp_path: Path) -> None:
    done = run("train.py", *SCATTERING, "classifier.batch_size=400")
    assert done.returncode == 0, done.stderr
    stated = manifest(tmp_path, "full_model_scattering_ce2_cprivate")
    assert 2.97 < stated["epsilon"] <= 3
    assert [stage["name"] for stage in stated["privacy"]["stages"]] == ["whitening", "classifier"]
    figures = json.loads((tmp_path / "artifacts/digits/clsf_scattering_e2_private_fc_weights_metrics.json").read_text())
    assert figures["test_accuracy"] > 0.6
    assert "autoencoder" not in stated["configuration"]
    assert not list(tmp_path.glob("artifacts/digits/ae_*"))
    assert run("infer.py", *SCATTERING, "classifier.batch_size=400").returncode == 0


def test_the_reference_engine_trains(run: Run, tmp_path: Path) -> None:
    done = run(
        *("-m", "train_.autoencoder", *DIGITS, "private=true", "epochs=1", "batch_size=128", "pretraining_epochs=0"),
        "privacy.engine=tensorflow_privacy",
    )
    assert done.returncode == 0, done.stderr
    assert 2.97 < manifest(tmp_path, "ae_h32_e1_private_weights")["epsilon"] <= 3


def test_noise_given_epsilon_follows(run: Run, tmp_path: Path) -> None:
    command = [
        "-m",
        "train_.autoencoder",
        *DIGITS,
        "private=true",
        "epochs=1",
        "batch_size=128",
        "pretraining_epochs=0",
    ]
    done = run(*command, "privacy.noise_multiplier=0.9", "privacy.accountant=rdp")
    assert done.returncode == 0, done.stderr
    stated = manifest(tmp_path, "ae_h32_e1_private_weights")["privacy"]
    assert stated["stages"][0]["noise_multiplier"] == 0.9
    mechanism = SampledGaussian(sampling_rate=128 / 1237, noise_multiplier=0.9, steps=10)
    assert stated["epsilon"] == pytest.approx(spent([mechanism], 1e-4, Accountant.rdp))


@pytest.mark.parametrize(
    ("keys", "words", "code"),
    [
        (["privacy.delta=1e-3"], ("privacy.delta below 1/1,237", "0.001"), 2),
        (["privacy.delta=1e-4", "privacy.target_epsilon=0.001"], ("privacy.target_epsilon", "1000"), 2),
        (["privacy.delta=1e-4", "autoencoder.batch_size=1238"], ("batch_size", "1238"), 2),
        (
            ["privacy.delta=1e-4", "autoencoder.learning_rate=10", "autoencoder.output_activation=linear"],
            ("validation_mse", "learning_rate"),
            1,
        ),
    ],
)
def test_refused(run: Run, tmp_path: Path, keys: list[str], words: tuple[str, ...], code: int) -> None:
    command = ["data=digits", "tracking_uri=null", "autoencoder.private=true", "autoencoder.pretraining_epochs=0"]
    refused(run("train.py", *command, *keys), *words, code=code)
    assert not list(tmp_path.glob("artifacts/digits/ae_*.h5"))


def test_weights_of_another_kind_under_the_private_name(private: Path, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "artifacts" / "digits"
    command = [*DIGITS, "private=true", "epochs=2", "pretraining_epochs=0"]
    assert run("-m", "train_.autoencoder", "data=digits", "tracking_uri=null", "epochs=2").returncode == 0
    for path in list(folder.glob("ae_h32_e2_weights.*")):
        path.rename(folder / path.name.replace("_weights", "_private_weights"))
    refused(run("-m", "train_.autoencoder", *command), "autoencoder.private=False there, True asked for")
    (folder / f"{AE}.json").unlink()
    refused(run("-m", "train_.autoencoder", *command), f"{AE}.h5", "without a manifest")
