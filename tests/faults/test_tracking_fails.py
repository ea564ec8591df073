"""A tracking server that is down, hangs or breaks off gives a warning, and the training goes on."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Run

from mnist_etc.tracking.mlflow_sink import MlflowSink
from mnist_etc.tracking.tracker import Tracker

KEYS = ["data=digits", "epochs=1", "data.validation=700"]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A loopback port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_nobody_listens(run: Run, closed_port: int, tmp_path: Path) -> None:
    done = run("-m", "train_.autoencoder", *KEYS, f"tracking_uri=http://127.0.0.1:{closed_port}")
    assert done.returncode == 0
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("warning: MLflow at http://127.0.0.1:")
    assert (tmp_path / "artifacts/digits/ae_h32_e1_weights.h5").is_file()


def test_a_server_that_hangs_costs_less_than_five_seconds(silent_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()
    tracker = Tracker(MlflowSink(f"http://127.0.0.1:{silent_port}"))
    with tracker.child("x"):
        tracker.metrics({"loss": 1.0}, 1)
    assert time.monotonic() - start < 5
    assert "cannot be used: no answer (waited 4 s at most). The training goes on" in capsys.readouterr().err


def test_a_store_that_cannot_be_opened(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_text("no database")
    done = run("-m", "train_.autoencoder", *KEYS, "tracking_uri=sqlite:///broken.db")
    assert done.returncode == 0
    assert sum(line.startswith("warning: MLflow at ") for line in done.stderr.splitlines()) == 1


def test_a_store_that_breaks_during_the_training(run: Run, tmp_path: Path) -> None:
    script = """
from pathlib import Path
from mnist_etc.composition import compose
from mnist_etc.artifacts.config import TrainCommand
from mnist_etc.tracking.tracker import start
config = compose("train", TrainCommand, ["tracking_uri=sqlite:///store.db"])
with start(config, command="x", dataset={"dataset_sha256": "0" * 64}, logs=Path("logs")) as tracker:
    with tracker.child("inner"):
        tracker.metrics({"loss": 1.0}, 1)
        Path("store.db").write_bytes(b"spoiled" * 1000)
        tracker.metrics({"loss": 0.5}, 2)
    with tracker.child("next"):
        tracker.metrics({"loss": 0.5}, 2)
print("went on")
"""
    done = run("-c", script)
    assert (done.returncode, done.stdout) == (0, "went on\n"), done.stderr
    assert sum(line.startswith("warning: MLflow at ") for line in done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
