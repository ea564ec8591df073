"""``python -m mnist_etc.sweep`` itself."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from support import SCHEMAS, Run, environment, refused

from mnist_etc.composition import compose
from mnist_etc.sweep.job import _space

SWEEP = ("-m", "mnist_etc.sweep", "data=digits", "model.epochs=1", "data.validation=700", "tracking_uri=null")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("model=nope",), ("model as one of", "'nope'")),
        (("sweep.trials=0",), ("sweep.trials between 1",)),
        (("sweep.space=empty.yaml",), ("keys to search in empty.yaml", "received none")),
        (("sweep.space=nowhere",), ("a search space for nowhere", "cnn, cnn_private, ")),
        (("sweep.space=wide.yaml",), ("model.width between 1 and 4096", "9999", "(in wide.yaml)")),
        (("sweep.space=one.yaml", "sweep.storage=sqlite:////nowhere/at/all.db"), ("no folder /nowhere/at",)),
        (("sweep.storage=redis://host/x",), ("sqlite:///file.db or postgresql://", "received redis://host/x")),
        (("sweep.space=one.yaml", "sweep.storage=sqlite:///mlflow.db"), ("another program's", "alembic_version")),
        (("sweep.engine=spark",), ("sweep.engine as one of local, ray",)),
        (("force=true",), ("force=false of a search", "sweep.name=")),
        (("sweep.sampler=tpee",), ("sweep.sampler as one of tpe, random",)),
        (("-m", "seed=1,2"), ("one configuration", "'--multirun'")),
    ],
)
def test_refused(run: Run, tmp_path: Path, words: tuple[str, ...], told: tuple[str, ...]) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num)")
    before = (tmp_path / "mlflow.db").read_bytes()
    (tmp_path / "one.yaml").write_text("model.warmup: { low: 0, high: 0.1 }\n")
    (tmp_path / "wide.yaml").write_text("model.width: { type: int, low: 1, high: 9999 }\n")
    refused(run(*SWEEP, *words), *told, code=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.yaml", "mlflow.db", "one.yaml", "wide.yaml"]
    assert (tmp_path / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize("storage", ["mysql://host/x", "sqlite:////nowhere/at/all.db"])
def test_a_storage_that_cannot_be_is_refused_before_what_opens_one_is_loaded(storage: str, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom mnist_etc.__main__ import COMMANDS\nfrom mnist_etc.command import run\n"
        f"sys.argv = ['mnist-etc-sweep', 'data=digits', 'sweep.storage={storage}']\n"
        "try: run('sweep', COMMANDS['sweep'])\n"
        "finally: print(sorted({'optuna', 'sqlalchemy', 'mlflow', 'tensorflow'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (2, "[]"), done.stderr


@pytest.mark.parametrize(
    ("words", "stem"),
    [
        (["model=cnn"], "cnn"),
        (["model=cnn", "model.private=true"], "cnn_private"),
        (["model=cnn", "model.private=true", "sweep.space=cnn"], "cnn"),
        (["sweep.command=train", "classifier.private=true"], "train_private"),
        (["sweep.command=train"], "train"),
    ],
)
def test_a_private_training_has_a_space_of_its_own(words: list[str], stem: str) -> None:
    assert _space(compose("sweep", SCHEMAS["sweep"], words)).stem == stem


def test_trials_of_a_study_that_is_gone_are_not_mixed_with_new_ones(run: Run, tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("model.warmup: { low: 0, high: 0.1 }\n")
    (tmp_path / "artifacts/sweeps/cnn_digits/trial_0000").mkdir(parents=True)
    done = run(*SWEEP, "sweep.space=one.yaml", "sweep.storage=sqlite:///new.db")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "no trials of another study in artifacts/sweeps/cnn_digits; received trial_0000" in done.stderr


def test_home_in_a_storage() -> None:
    config = compose("sweep", SCHEMAS["sweep"], ["sweep.storage=~/study.log"])
    assert config.sweep.storage == str(Path.home() / "study.log")


@pytest.mark.slow
def test_trials_their_folders_and_the_best_as_an_experiment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rate.yaml").write_text("model.learning_rate: { low: 1e-3, high: 1e-2, log: true }\n")
    words = (*SWEEP, "sweep.space=rate.yaml", "sweep.trials=1", "sweep.size_mb=10", "sweep.latency_ms=1000")
    done = run(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "artifacts/sweeps/cnn_digits"
    (onnx,) = folder.glob("trial_0000/digits/*/models/full_model.onnx")
    assert str(onnx.relative_to(tmp_path)) in done.stdout
    assert {"best.yaml", "journal.log", "trials.csv", "trial_0000"} <= {path.name for path in folder.iterdir()}
    best = folder / "best.yaml"
    assert "python -m train_.supervised experiment=artifacts/sweeps/cnn_digits/best.yaml" in best.read_text()
    assert f"\n# threads of the trial: {len(os.sched_getaffinity(0))}; " in best.read_text()
    monkeypatch.chdir(tmp_path)
    config = compose("supervised", SCHEMAS["supervised"], [f"experiment={best}"])
    assert (config.data.name, config.data.validation, config.model.epochs) == ("digits", 700, 1)
    assert 1e-3 <= config.model.learning_rate <= 1e-2
    assert (config.skip_export, config.skip_visualizations) == (False, False)
    assert config.gates.accuracy is not None, "what a search leaves out, the training of the best does"
    again = run(*words)
    assert "trial_0000  " not in again.stdout.partition("best:")[0], "it was run again"
    refused(run(*words, "model.epochs=2"), "to be of a command with model.epochs=2; ", "sweep.name=", code=2)
    other = (*words, "model=tiny", "sweep.name=cnn_digits")
    refused(run(*other), "to be of a command with model=tiny; received one of a command with model=cnn. ", code=2)
