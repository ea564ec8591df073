"""The end of ``python -m mnist_etc.serving.triton``, asked for or not: in order, in one line, and nothing is left."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from faults.triton_support import COMMAND, INFER, Client, Load, binary, first_logit, keys, logits, publish, served, tree
from support import Completed, Run, environment, refused

from mnist_etc.export.config import MODEL

CLOSED = ("BrokenPipeError", "ConnectionResetError", "RemoteDisconnected")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load(tmp_path: Path, number: signal.Signals) -> None:
    """No answer is cut; Ctrl-C goes to the whole process group, as in a terminal.

    New connections are refused, or closed before a request is read.
    """
    with served(tmp_path) as running:
        with Load(running.ports[0], threads=8, keep_alive=False) as load:
            time.sleep(0.7)
            assert load.failed == []
            (os.killpg if number is signal.SIGINT else os.kill)(running.process.pid, number)
            done = running.ended()
            time.sleep(0.1)
        assert len(load.answers) > 100
        assert load.refused
        assert [one for one in load.failed if not one.startswith(CLOSED)] == []
        assert load.seen() == {first_logit(1)}
        stopped_in_order(done)
        assert done.seconds < 10
        assert running.left() == []


def test_requests_in_flight_are_answered(tmp_path: Path) -> None:
    body, headers = binary()
    with served(tmp_path) as running:
        connections = [http.client.HTTPConnection("127.0.0.1", running.ports[0], timeout=20) for _ in range(64)]
        for one in connections:
            one.request("POST", INFER, body, headers)
            assert len(one.getresponse().read()) > 120
        for one in connections:
            one.request("POST", INFER, body, headers)
        os.kill(running.process.pid, signal.SIGTERM)
        running.server.terminate()  # at once; the command looks for its signal five times a second
        for one in connections:
            answer = one.getresponse()
            assert answer.status == 200
            assert np.frombuffer(answer.read()[-120:], "f4")[0] == pytest.approx(logits(1)[0, 0], rel=1e-3)
            one.close()
        running.ended()
        assert running.left() == []


def stopped_in_order(done: Completed) -> None:
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "stopped"
    assert "Traceback" not in done.stderr


def test_a_stop_under_load_that_never_lets_go(tmp_path: Path) -> None:
    """Triton answers on connections that stay open until serving.exit_seconds have passed, and then cuts them."""
    with served(tmp_path, "serving.exit_seconds=2") as running:
        with Load(running.ports[0], threads=8) as load:
            time.sleep(0.7)
            os.kill(running.process.pid, signal.SIGTERM)
            asked = time.monotonic()
            done = running.ended()
        assert sum(moment > asked + 1 for moment, _ in load.answers) > 100
        assert len(load.failed) <= 8, "more than the one request that a connection can have in flight"
        stopped_in_order(done)
        assert done.seconds < 8
        assert running.left() == []


def test_a_stop_beside_an_idle_connection(tmp_path: Path) -> None:
    with served(tmp_path, "serving.exit_seconds=1") as running:
        client = Client(running.ports[0])
        assert client.logits().shape == (3, 10)
        os.kill(running.process.pid, signal.SIGTERM)
        done = running.ended(60)
        client.close()
        stopped_in_order(done)
        assert done.seconds < 6
        assert running.left() == []


def test_kill_of_the_server(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        running.server.kill()
        done = running.ended()
        refused(done, "The server ended by itself, with exit code -9", "Start it again.", plain=True)
        assert running.left() == []


def test_a_taken_port(run: Run, tmp_path: Path) -> None:
    publish(tmp_path, 1)
    asked = keys(tmp_path)
    for word in [word for word in asked if "_port=" in word]:
        key, port = word.split("=")
        with socket.create_server(("127.0.0.1", int(port))):
            refused(run(*COMMAND, *asked), f"127.0.0.1:{port}", f"{key}=<another port>")


def test_an_empty_repository(run: Run, tmp_path: Path) -> None:
    refused(run(*COMMAND, *keys(tmp_path)), str(tmp_path), "mnist_etc.export")
    refused(run(*COMMAND, *keys(tmp_path / "missing")), "missing", "mnist_etc.export")


@pytest.mark.parametrize("content", [b"garbage", b""])
def test_a_model_that_cannot_be_loaded(run: Run, tmp_path: Path, content: bytes) -> None:
    publish(tmp_path, 1)
    (tmp_path / MODEL / "1" / "model.onnx").write_bytes(content)
    done = run(*COMMAND, *keys(tmp_path))
    refused(done, "The server ended before it was ready: ", "model.onnx", "ONNXRuntimeError", plain=True)
    assert "ready" not in done.stdout


def test_a_model_that_is_not_there(run: Run, tmp_path: Path) -> None:
    publish(tmp_path, 1)
    (tmp_path / MODEL / "1" / "model.onnx").unlink()
    refused(run(*COMMAND, *keys(tmp_path)), "The server ended before it was ready: ", "model.onnx", plain=True)


def test_a_cache_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    publish(tmp_path, 1)
    (tmp_path / "file").write_text("")
    for cache in (tmp_path / "file", Path("/proc/nowhere")):
        refused(run(*COMMAND, *keys(tmp_path), f"serving.cache={cache}"), str(cache), "serving.cache")


def test_a_stop_before_it_is_ready(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    command = [sys.executable, *COMMAND, *keys(tmp_path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        started = tree(process.pid)
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    _, alive = psutil.wait_procs(started, timeout=10)
    assert not alive
