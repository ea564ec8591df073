"""What tracking must not do: show a password, lose a training to another's, leave a run open."""

from __future__ import annotations

import base64
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support import Run, environment

OPENED = """
import sys
from pathlib import Path
from mnist_etc.command import Command, run
from mnist_etc.tracking.tracker import start
def job(config):
    with start(config, command="x", dataset=dict(dataset_sha256="0" * 64), logs=Path("logs")) as tracker:
        with tracker.child("inner"):
            {body}
sys.argv = ["train", {uri!r}]
run("train", Command(help="track", schema="mnist_etc.artifacts.config:TrainCommand", job=job))
"""


@pytest.fixture
def guarded() -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """A server that wants a password and then fails: its port, and path and password of each request."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scheme, _, content = self.headers.get("Authorization", "").partition(" ")
            asked.append((self.path, base64.b64decode(content).decode() if scheme == "Basic" else ""))
            self.send_response(500 if content else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], asked
        server.shutdown()


def test_a_password_reaches_the_server_and_nobody_else(
    run: Run, tmp_path: Path, guarded: tuple[int, list[tuple[str, str]]]
) -> None:
    port, asked = guarded
    uri = f"tracking_uri=http://user:s3c%40ret@127.0.0.1:{port}"
    done = run("-c", OPENED.format(body="print('trained')", uri=uri))
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr
    assert ("user:s3c@ret") in [password for path, password in asked if path.startswith("/api/")]
    (warning,) = done.stderr.splitlines()
    assert warning.startswith(f"warning: MLflow at http://127.0.0.1:{port} cannot be used: ")
    assert "s3c" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"s3c" in path.read_bytes()]


def statuses(store: Path) -> list[str]:
    with sqlite3.connect(store) as connection:
        return [status for (status,) in connection.execute("select status from runs order by start_time")]


@pytest.mark.parametrize(("number", "code", "word"), [("SIGTERM", 143, "terminated"), ("SIGINT", 130, "interrupted")])
def test_a_signal_ends_the_runs(run: Run, tmp_path: Path, number: str, code: int, word: str) -> None:
    body = f"import os, signal; os.kill(os.getpid(), signal.{number})"
    done = run("-c", OPENED.format(body=body, uri="tracking_uri=sqlite:///store.db"))
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{word}: a training goes on from its last epoch")
    assert statuses(tmp_path / "store.db") == ["KILLED", "KILLED"]


def test_two_trainings_on_one_new_store(tmp_path: Path) -> None:
    script = OPENED.format(body="tracker.metrics({'loss': 1.0}, 1)", uri="tracking_uri=sqlite:///store.db")
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert said == ["", ""]
    assert statuses(tmp_path / "store.db") == ["FINISHED"] * 4
