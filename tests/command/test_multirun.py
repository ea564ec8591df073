"""``-m``: each combination in a process and a folder of its own, by Hydra's grammar."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import SCHEMAS, Run, refused

from mnist_etc.errors import ConfigError
from mnist_etc.multirun import combinations


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["seed=1,2", "autoencoder.hid_dim=8,16"], ["seed=1 autoencoder.hid_dim=8", "seed=1 autoencoder.hid_dim=16"]),
        (["seed=range(3)", "data=digits"], ["seed=0 data=digits", "seed=1 data=digits"]),
        (["classifier.hidden_units=[1],[2,3]"], ["classifier.hidden_units=[1]", "classifier.hidden_units=[2,3]"]),
        (["autoencoder.optimizer=choice(adam,sgd)"], ["autoencoder.optimizer=adam", "autoencoder.optimizer=sgd"]),
        (["run_name='a, b','c d'"], ["run_name='a, b'", "run_name='c d'"]),
        (["seed=sort(3,1)"], ["seed=1", "seed=3"]),
        (["data=glob(med*,exclude=[*a*,*mnist])", "seed=1,2"], None),
        (["seed=range(0)", "data=digits"], None),
        (["data=glob(dig*)", "seed=1,2"], ["data=digits seed=1", "data=digits seed=2"]),
        (["experiment=glob(smo*)"], ["experiment=smoke"]),
        (["run_name=one(of", "seed=1"], ["run_name=one(of seed=1"]),
    ],
)
def test_combinations(words: list[str], expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(ConfigError, match="received none"):
            combinations("train", SCHEMAS["train"], words)
        return
    found = [" ".join(run.words) for run in combinations("train", SCHEMAS["train"], words)]
    assert found[: len(expected)] == expected


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("train.py", "-m", "seed=interval(0,1)"), ("that can be counted", "'interval(0,1)'", "mnist_etc.sweep")),
        (("train.py", "seed=1,-1", "-m"), ("seed between",)),
        (("train.py", "-m", "seed=range(1000)", "autoencoder.hid_dim=range(1,1000)"), ("at most 10,000",)),
        (("train.py", "-m", "seed=1,2", "nonsense=1"), ("'nonsense'",)),
        (("train.py", "-m", "hydra.launcher=x,y"), ("hydra.launcher",)),
        (("train.py", "-m", "seed=1", "--cfg", "job"), ("--multirun alone",)),
        (("infer.py", "-m", "seed=1,2"), ("'--multirun'", "for value in 1 2;")),
        (("train.py", "seed=1,2"), ("python train.py -m seed=1,2",)),
    ],
)
def test_refused_before_anything_is_run(
    run: Run, tmp_path: Path, command: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(run(*command), *words, code=2)
    assert list(tmp_path.iterdir()) == []


def test_one_that_fails_leaves_the_others(run: Run, tmp_path: Path) -> None:
    """The first cannot write; a table says what came of each."""
    (tmp_path / "artifacts/multirun").mkdir(parents=True)
    (tmp_path / "artifacts/multirun/data=digits_epochs=1_hid_dim=2").write_text("in the way")
    done = run("-m", "train_.autoencoder", "--multirun", "data=digits", "epochs=1", "hid_dim=2,4", "tracking_uri=null")
    assert done.returncode == 1, done.stderr
    assert "warning: hid_dim=2 failed with exit code 1" in done.stderr
    header, first, second = done.stdout.splitlines()[-3:]
    assert header.split() == ["combination", "exit", "code", "seconds", "result"]
    assert first.split()[:2] == ["hid_dim=2", "1"]
    assert second.split()[:2] == ["hid_dim=4", "0"]
    assert "validation_mse" in second
    assert (tmp_path / "artifacts/multirun/data=digits_epochs=1_hid_dim=4/digits/ae_h4_e1_weights.onnx").is_file()
    assert [path.name for path in (tmp_path / "artifacts").iterdir()] == ["multirun"]
