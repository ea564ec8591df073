"""What is told of a search: its tracked run, with those of its trials inside it, and what a private one gives away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from support import SCHEMAS

from mnist_etc.artifacts.ledger import Ledger
from mnist_etc.composition import compose
from mnist_etc.data import load
from mnist_etc.privacy.guarantee import Stage
from mnist_etc.processes import TAGS
from mnist_etc.sweep.job import _conclude, _tracked
from mnist_etc.sweep.trial import Training
from mnist_etc.tracking import apart, mlflow_sink
from mnist_etc.tracking.tracker import Tracker, start


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What MLflow is told."""
    told = list[tuple[Any, ...]]()

    class Recorder:
        def __init__(self, uri: str) -> None: ...

        def start(self, name: str | None, tags: Mapping[str, str]) -> None:
            told.append(("start", name, tags.get("mlflow.parentRunId")))

        def parent(self) -> dict[str, str]:
            return {"mlflow.parentRunId": "7"}

        def parameters(self, settings: Mapping[str, Any]) -> None:
            told.append(("parameters", dict(settings)))

        def metrics(self, values: Mapping[str, float], epoch: int | None) -> None:
            told.append(("metrics", dict(values)))

        def end(self, status: str) -> None:
            told.append(("end", status))

        def close(self) -> None: ...

    monkeypatch.setattr(mlflow_sink, "MlflowSink", Recorder)
    monkeypatch.setattr(apart, "Apart", Recorder)
    return told


def test_trials_are_runs_inside_that_of_the_search(
    recorded: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = compose("sweep", SCHEMAS["sweep"], ["data=digits", "tracking_uri=sqlite:///x.db"])
    work = Training(command, tmp_path)
    with _tracked(command, "cnn_digits", work) as tracker:
        tracker.parameters({"model.epochs": 3})
        tracker.metrics({"validation_accuracy": 0.9})
    assert recorded == [
        ("start", "cnn_digits", None),
        ("parameters", {"model.epochs": 3}),
        ("metrics", {"validation_accuracy": 0.9}),
        ("end", "FINISHED"),
    ]
    recorded.clear()
    monkeypatch.setenv(TAGS, json.dumps(work.tags))
    trial = compose("supervised", SCHEMAS["supervised"], ["data=digits", "run_name=trial_0000"])
    with start(trial, command="x", dataset={}, logs=tmp_path) as own, own.child("cnn"):
        pass
    assert recorded[:2] == [("start", "trial_0000", "7"), ("start", "cnn", None)]


def test_what_a_private_search_gives_away_is_of_pruned_trials_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = compose("sweep", SCHEMAS["sweep"], ["data=digits", "model.private=true", "tracking_uri=null"])
    dataset, study = load(command.data), optuna.create_study(direction="maximize")
    stage = Stage(name="supervised", examples=1237, sampling_rate=0.1, noise_multiplier=9.0, steps=20, l2_norm_clip=1.0)
    for name in ("of one that was pruned", "of another one"):
        Ledger(command.privacy).enter(
            name, dataset.training_sha256, [stage], "full_model", dataset.people_sha256, dataset.split_sha256
        )
        study.tell(study.ask(), state=optuna.trial.TrialState.PRUNED)
    work = Training(command, tmp_path / "sweeps")
    assert _conclude(command, "cnn_digits", work, study, Tracker(), private=True) == 1
    assert "every trial among them: epsilon " in (told := capsys.readouterr().out)
    assert "of 2 trainings" in told


def test_the_best_of_a_private_search_counts_beside_its_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file has their ledger and bound; neither makes another study of it, so that a bound can be set later."""
    monkeypatch.chdir(tmp_path)
    words = ["data=digits", "model.private=true", "tracking_uri=null", "artifacts=out", "sweep.timeout=60"]
    command = compose("sweep", SCHEMAS["sweep"], [*words, "privacy.ledger=kept.json", "privacy.lifetime_epsilon=7"])
    work = Training(command, tmp_path / "sweeps")
    assert work.settings == Training(compose("sweep", SCHEMAS["sweep"], words), tmp_path).settings
    study = optuna.create_study(direction="maximize")
    study.tell(study.ask(), 0.9)
    assert _conclude(command, "cnn_digits", work, study, Tracker(), private=True) == 0
    best = compose("supervised", SCHEMAS["supervised"], [f"experiment={tmp_path}/sweeps/best.yaml"])
    assert (best.model.private, best.privacy.ledger, best.privacy.lifetime_epsilon) == (True, "kept.json", 7)
    assert "to the bit" not in (tmp_path / "sweeps/best.yaml").read_text()


def test_a_search_says_that_its_time_was_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = compose("sweep", SCHEMAS["sweep"], ["data=digits", "sweep.trials=3", "sweep.timeout=60"])
    study = optuna.create_study(direction="maximize")
    for ended in (False, True):
        while len(study.trials) < 2 + ended:
            study.tell(study.ask(), state=optuna.trial.TrialState.PRUNED)
        _conclude(command, "cnn_digits", Training(command, tmp_path), study, Tracker(), private=False)
        assert ("sweep.timeout was over before sweep.trials=3" in capsys.readouterr().out) is not ended
