"""MLflow in a process of its own: nothing told to it is lost, what fails comes back, and it outlives no training."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from processes import killed_once
from support import TINY_MODEL

from mnist_etc.tracking.apart import Apart


def statuses(store: Path) -> dict[str, int]:
    """How many runs have each; none while the store is being made."""
    try:
        with sqlite3.connect(store) as connection:
            return dict(connection.execute("SELECT status, COUNT(*) FROM runs GROUP BY status"))
    except sqlite3.OperationalError:
        return {}


def test_what_was_told_is_there_when_the_outermost_run_has_ended(tmp_path: Path) -> None:
    store = tmp_path / "mlflow.db"
    apart = Apart(f"sqlite:///{store}")
    try:
        apart.start("outer", {"a": "b"})
        apart.start("inner", {})
        for epoch in range(300):
            apart.metrics({"loss": 1 / (1 + epoch)}, epoch)
        apart.picture("gray", lambda: np.zeros((4, 4), np.uint8), None)
        apart.end("FINISHED")
        apart.end("FAILED")
        with sqlite3.connect(store) as connection:
            assert connection.execute("SELECT COUNT(*) FROM metrics").fetchone() == (300,)
        assert statuses(store) == {"FINISHED": 1, "FAILED": 1}
        assert [path.name for path in (tmp_path / "mlruns").rglob("*.png")] == ["gray.png"]
    finally:
        apart.close()


def test_what_fails_there_is_raised_here_at_the_latest_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    apart = Apart(f"sqlite:///{tmp_path}/mlflow.db")

    def tell() -> None:
        apart.start(None, {})
        apart.metrics({"a": 1.0}, None)
        apart.end("FINISHED")

    try:
        with pytest.raises(RuntimeError, match="file is not a database"):
            tell()
    finally:
        apart.close()


def test_a_password_is_on_no_command_line_and_the_folder_of_the_command_is_not_imported_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.py").write_text("raise SystemExit('imported from the working folder')")
    monkeypatch.chdir(tmp_path)
    apart = Apart(f"sqlite:///{tmp_path}/secret.db")
    try:
        apart.start(None, {})
        while not (command := Path(f"/proc/{apart._process.pid}/cmdline").read_bytes()):
            time.sleep(0.01)
        assert b"mnist_etc.tracking.apart" in command
        assert b"secret" not in command
        apart.end("FINISHED")
    finally:
        apart.close()
    assert statuses(tmp_path / "secret.db") == {"FINISHED": 1}


def test_without_a_run_it_is_let_go_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    Apart(f"sqlite:///{tmp_path}/mlflow.db").close()
    assert time.monotonic() - began < 1
    assert not list(tmp_path.iterdir())


def test_the_run_of_a_killed_training_ends_as_killed(tmp_path: Path, project: Path) -> None:
    checkpoint = tmp_path / "artifacts" / "digits" / "ae_h32_e50_weights_checkpoint.npz"
    command = [str(project / "train.py"), *TINY_MODEL, "autoencoder.epochs=50"]
    killed_once(checkpoint.exists, *command, cwd=tmp_path)
    deadline = time.monotonic() + 60
    while (found := statuses(tmp_path / "mlflow.db")) != {"KILLED": 2} and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == {"KILLED": 2}
