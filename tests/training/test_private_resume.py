"""DP-SGD through the real commands, killed: what goes on, what starts anew, what is left on disk."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from processes import killed_once
from support import Run, same_weights

from mnist_etc.artifacts import manifest as manifests
from mnist_etc.fit.checkpoint import Checkpoint
from mnist_etc.training import recipe

DIGITS = ["data=digits", "tracking_uri=null", "privacy.delta=1e-4"]
AUTOENCODER = [
    *("-m", "train_.autoencoder", *DIGITS, "private=true", "epochs=3", "batch_size=128"),
    "pretraining_epochs=0",
]
AE3 = "ae_h32_e3_private_weights"
BOTH = [
    *(*DIGITS, "autoencoder.private=true", "autoencoder.epochs=2", "autoencoder.batch_size=128"),
    *("classifier.private=true", "classifier.epochs=2", "classifier.batch_size=128"),
    "autoencoder.pretraining_epochs=0",
]
AE, CLSF = "ae_h32_e2_private_weights", "clsf_h32_ee2_eprivate_e2_private_fc_weights"


def manifest(folder: Path, stem: str) -> dict:
    return json.loads((folder / "artifacts" / "digits" / f"{stem}.json").read_text())


def killed_after_its_first_epoch(folder: Path, stem: str, command: list[str]) -> dict:
    """SIGKILL a private training once its checkpoint holds an epoch; what the checkpoint says."""
    path = folder / "artifacts" / "digits" / f"{stem}_checkpoint.npz"
    state: dict = {"history": []}

    def has_an_epoch() -> bool:
        nonlocal state
        if path.exists():
            with np.load(path) as file:
                state = json.loads(str(file["state"]))
        return bool(state["history"])

    killed_once(has_an_epoch, *command, cwd=folder)
    assert path.exists()
    return state


@pytest.mark.usefixtures("all_threads")
def test_a_resumed_training_draws_no_sample_and_no_noise_anew(run: Run, tmp_path: Path) -> None:
    """Killed with a secret seed, it goes on to one and the same model however often it is resumed from there."""
    state = killed_after_its_first_epoch(tmp_path, AE3, AUTOENCODER)
    twin = tmp_path / "twin"
    shutil.copytree(tmp_path / "artifacts", twin / "artifacts")
    for folder in (tmp_path, twin):
        done = run(*AUTOENCODER, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert "resumes after epoch" in done.stdout
    assert same_weights(tmp_path / "artifacts" / "digits" / f"{AE3}.h5", twin / "artifacts" / "digits" / f"{AE3}.h5")
    (entry,) = json.loads((tmp_path / "artifacts" / "privacy_ledger.json").read_text())["trainings"]
    stated = manifest(tmp_path, AE3)["privacy"]
    assert entry["stages"] == stated["stages"]
    assert stated["lifetime"]["trainings"] == 1
    assert "dataset_hmac_sha256" in state["settings"]
    assert "dataset_sha256" not in state["settings"]
    assert stated["stages"][0]["steps"] == 3 * 10
    assert state["settings"]["stages"] == stated["stages"]
    assert 2.97 < stated["epsilon"] <= 3
    with (tmp_path / "artifacts" / "digits" / f"{AE3}_history.csv").open() as file:
        epsilons = [float(row["epsilon"]) for row in csv.DictReader(file)]
    assert epsilons == sorted(epsilons)
    assert epsilons[-1] == pytest.approx(stated["epsilon"])


@pytest.mark.slow
@pytest.mark.usefixtures("all_threads")
def test_killed_with_a_given_seed_it_resumes_to_the_same_bits(run: Run, tmp_path: Path) -> None:
    few = "import train_.autoencoder; from mnist_etc.training import pretraining; pretraining.DRAWN = 500"
    command = ["-c", f"{few}; train_.autoencoder.main()", *AUTOENCODER[2:-1], "pretraining_epochs=1", "privacy.seed=1"]
    assert run(*command, "artifacts=whole").returncode == 0
    killed_after_its_first_epoch(tmp_path, AE3, command)
    assert run(*command).returncode == 0
    assert same_weights(tmp_path / "artifacts" / "digits" / f"{AE3}.h5", tmp_path / "whole" / "digits" / f"{AE3}.h5")


@pytest.mark.usefixtures("all_threads")
def test_killed_under_one_seed_it_does_not_finish_under_another_as_the_first(run: Run, tmp_path: Path) -> None:
    """Half of it would be of one seed's noise, and all of it say the other's."""
    killed_after_its_first_epoch(tmp_path, AE3, [*AUTOENCODER, "privacy.seed=1"])
    assert run(*AUTOENCODER, "privacy.seed=2", "artifacts=whole").returncode == 0
    done = run(*AUTOENCODER, "privacy.seed=2")
    assert done.returncode == 0, done.stderr
    assert "of another configuration or source: starting from the first epoch" in done.stdout
    assert same_weights(tmp_path / "artifacts" / "digits" / f"{AE3}.h5", tmp_path / "whole" / "digits" / f"{AE3}.h5")


@pytest.mark.parametrize("private", [True, False])
def test_on_other_software_a_private_training_begins_anew_with_other_seeds(
    private: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the same seeds its samples, or the features whose moments it releases, may be others there."""
    training: Any = SimpleNamespace(settings={}, sources={})
    plan: Any = SimpleNamespace(stages=(), private=private)
    drawn = iter(range(2))

    def secret() -> list[int]:
        return Checkpoint(path, recipe._identity(training, {}, plan)).secret(lambda: [next(drawn)])

    path = tmp_path / "checkpoint.npz"
    first = Checkpoint(path, recipe._identity(training, {}, plan))
    assert first.secret(lambda: [next(drawn)]) == [0]
    first.save([], [])
    assert secret() == [0]
    monkeypatch.setattr(manifests, "_version", lambda _: "of later")
    assert secret() == [int(private)]


def test_a_classifier_never_goes_on_upon_another_encoder(run: Run, tmp_path: Path, project: Path) -> None:
    """``force`` fits the encoder anew, with other noise: half a classifier on the old one's codes is worth nothing."""
    command = ["train.py", *BOTH, "force=true"]
    state = killed_after_its_first_epoch(tmp_path, CLSF, [str(project / command[0]), *command[1:]])
    before = manifest(tmp_path, AE)["files"][f"{AE}.h5"]
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "classifier  resumes" not in done.stdout
    assert manifest(tmp_path, AE)["files"][f"{AE}.h5"] != before == state["settings"]["sources"][f"{AE}.h5"]
    assert f"{CLSF}_checkpoint.npz is of another configuration or source: starting from the first epoch" in done.stdout


def test_the_seeds_are_gone_before_a_model_goes_to_the_store(run: Run) -> None:
    keys = [
        *DIGITS,
        "features=scattering",
        "classifier.private=true",
        "classifier.epochs=1",
        "classifier.batch_size=400",
    ]
    script = f"""
from mnist_etc.composition import compose
from mnist_etc.artifacts.names import ArtifactFolder
from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.tracking.tracker import Tracker
from mnist_etc.training.pipeline import train
from mnist_etc.models import fixed_features
fixed_features.DRAWN = 400
command = compose("train", TrainCommand, {keys})
path = ArtifactFolder.of(command).classifier(command.autoencoder, command.classifier).checkpoint
Tracker.metrics = lambda *_: print("measured", path.exists())
Tracker.model = lambda self, name, *_: print("sent", name, path.exists())
Tracker.records = True
train(command)
"""
    done = run("-c", script)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "measured True" in lines
    assert [line for line in lines if line.startswith("sent")] == ["sent full_model False", "sent classifier False"]
