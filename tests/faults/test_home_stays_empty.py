"""No command leaves anything outside the folder it runs in but what lies in the one cache folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import TINY_MODEL, Run

from mnist_etc import homes

UNSET: dict[str, str | None] = dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", *homes.HOMES))


def test_a_training_and_an_inference(run: Run, tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    env = {**UNSET, "HOME": str(home), "ORT_DISABLE_TELEMETRY": None}
    for words in (["train.py", *TINY_MODEL], ["infer.py", *TINY_MODEL]):
        done = run(*words, cwd=work, env=env)
        assert done.returncode == 0, done.stderr
    left = [path.relative_to(home) for path in home.rglob("*") if path.is_file()]
    assert [path for path in left if not path.is_relative_to(".cache/mnist_etc")] == []
    assert {path.name for path in work.iterdir()} == {"artifacts", "mlflow.db", ".mlflow.db.lock", "mlruns"}


def test_what_somebody_uses_already_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".keras").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    monkeypatch.delenv("KERAS_HOME", raising=False)
    homes.settle()
    assert os.environ["MPLCONFIGDIR"] == "mine"
    assert "KERAS_HOME" not in os.environ
