"""The server around the application: it stops gracefully, and slow or many connections do not stop it."""

from __future__ import annotations

import contextlib
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from served import Serve, connect, digit, encoded
from support import environment

from mnist_etc.service.model import ServedModel
from mnist_etc.service.source import ModelSource
from mnist_etc.service.sources import load_pretrained

PNG = encoded(digit(7))
HEAD = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


class Held(ModelSource):
    """The packaged network, which answers once it is let to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = threading.Event()

    def seen(self) -> int:
        return 0

    def load(self) -> ServedModel:
        model = load_pretrained()

        def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
            self.asked.set()
            assert self.go.wait(20)
            return model.run(images)

        return replace(model, run=run, seconds=math.inf)


def received(connection: socket.socket) -> bytes:
    """All until the other side closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_a_full_queue_is_429_and_the_rest_is_answered(serve: Serve) -> None:
    source = Held()
    served = serve("service.workers=1", "service.max_queue=2", source=source)
    with served.client() as client, ThreadPoolExecutor(3) as pool:
        first = pool.submit(client.post, "/v1/classify", content=PNG)
        assert source.asked.wait(20)
        waiting = [pool.submit(client.post, "/v1/classify", content=PNG) for _ in range(2)]
        deadline = time.monotonic() + 20
        while served.app.state.engine.waiting < 2:
            assert time.monotonic() < deadline
        response = client.post("/v1/classify", content=PNG)
        assert (response.status_code, response.json()["type"]) == (429, "/docs#busy")
        assert response.headers["retry-after"] == "1"
        assert client.get("/readyz").status_code == 200
        source.go.set()
        assert [one.result().status_code for one in (first, *waiting)] == [200] * 3


def test_an_answer_that_takes_too_long_is_503(serve: Serve) -> None:
    source = Held()
    served = serve("service.seconds=0.3", source=source)
    with served.client() as client:
        response = client.post("/v1/classify", content=PNG)
        assert (response.status_code, response.json()["type"]) == (503, "/docs#unavailable")
        source.go.set()
        assert client.post("/v1/classify", content=PNG).status_code == 200


def test_what_waits_is_answered_in_one_run(serve: Serve) -> None:
    source = Held()
    served = serve("service.workers=1", source=source)
    with served.client() as client, ThreadPoolExecutor(12) as pool:
        first = pool.submit(client.post, "/v1/classify", content=PNG)
        assert source.asked.wait(20)
        waiting = [pool.submit(client.post, "/v1/classify", content=PNG) for _ in range(11)]
        while served.app.state.engine.waiting < 11:
            time.sleep(0.01)
        source.go.set()
        assert all(one.result().status_code == 200 for one in (first, *waiting))
        client.get("/nothing")
        text = client.get("/metrics").text
    assert 'http_requests_total{handler="/v1/classify",method="POST",status="2xx"} 12.0' in text
    assert 'http_requests_total{handler="none",method="GET",status="4xx"} 1.0' in text
    assert "mnist_etc_batch_images_count 2.0" in text
    assert "mnist_etc_batch_images_sum 12.0" in text


def test_a_slow_body_is_408_and_its_connection_closed(serve: Serve) -> None:
    served = serve("service.seconds=0.4")
    with connect(served.port) as slow, connect(served.port) as silent, connect(served.port) as half:
        slow.sendall(HEAD % len(PNG) + PNG[:10])
        half.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: loc")
        with served.client() as client:
            assert client.post("/v1/classify", content=PNG).status_code == 200
        answer = received(slow)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"/docs#slow-body" in answer
        for connection in (silent, half):
            with contextlib.suppress(ConnectionResetError):
                assert received(connection) == b""
    assert served.app.state.bodies.held == 0


def test_of_too_many_connections_the_idle_are_closed_and_a_probe_is_answered(serve: Serve) -> None:
    served = serve("service.connections=20")
    opened = [connect(served.port) for _ in range(100)]
    with served.client() as client:
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/classify", content=PNG).status_code == 200
    closed = 0
    for connection in opened:
        with connection:
            connection.settimeout(0.05)
            try:
                closed += connection.recv(1) == b""
            except ConnectionResetError:
                closed += 1
            except TimeoutError:
                continue
    assert 75 <= closed <= 90


def test_nonsense_is_400(serve: Serve) -> None:
    served = serve()
    with connect(served.port) as connection:
        connection.sendall(b"NONSENSE\r\n\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b"/docs#bad-request" in answer


def started(folder: Path, *words: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "mnist_etc.service", "service.port=0", *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    assert ready.startswith("ready: http://127.0.0.1:"), process.communicate()
    return process, ready.split()[1]


def test_a_stop_answers_what_is_in_flight_and_ends_with_0(tmp_path: Path) -> None:
    process, url = started(tmp_path)
    port = int(url.rpartition(":")[2])
    with connect(port) as connection:
        connection.sendall(HEAD % len(PNG) + PNG[:10])
        assert httpx.get(f"{url}/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("stopping")
        time.sleep(0.3)
        connection.sendall(PNG[10:])
        answer = received(connection)
    stdout, stderr = process.communicate(timeout=30)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert b'"digit": 7' in answer
    assert (process.returncode, stdout, stderr) == (0, "stopped\n", "")


def test_a_stop_that_waits_no_longer_ends_in_order_and_without_a_traceback(tmp_path: Path) -> None:
    """Cut off by time, and by a second signal."""
    for words, again in ((("service.exit_seconds=0",), False), ((), True)):
        process, url = started(tmp_path, *words)
        with connect(int(url.rpartition(":")[2])) as connection:
            connection.sendall(HEAD % len(PNG) + PNG[:10])
            while "mnist_etc_held_bytes 10.0" not in httpx.get(f"{url}/metrics").text:
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            assert process.stderr.readline().startswith("stopping")
            if again:
                process.send_signal(signal.SIGTERM)
            stdout, stderr = process.communicate(timeout=30)
        assert (process.returncode, stdout) == (0, "stopped\n"), stderr
        assert "Traceback" not in stderr


def test_a_head_without_an_end_is_refused(serve: Serve) -> None:
    served = serve()
    with connect(served.port) as connection:
        try:
            connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: ")
            connection.sendall(bytes([97]) * 2**22 + b"\r\n\r\n")
            answer = received(connection)
        except ConnectionError:
            answer = b""
    assert not answer or answer.startswith(b"HTTP/1.1 400 "), answer[:100]
    assert httpx.get(f"{served.url}/readyz").status_code == 200


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-m", "mnist_etc.service", f"service.port={taken.getsockname()[1]}"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: Expected to listen on 127.0.0.1, port")
    assert done.stderr.count("\n") == 1


def test_it_answers_without_what_is_heavy(tmp_path: Path) -> None:
    """Neither TensorFlow nor scikit-learn, and SciPy only for the first picture that needs it."""
    code = """
import sys
from mnist_etc.composition import compose
from mnist_etc.service.config import ServiceCommand
import mnist_etc.service.server as server
server.create_app(compose("service", ServiceCommand, []).service)
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"tensorflow", "keras", "sklearn", "scipy", "mlflow", "onnx", "matplotlib", "grpc", "pandas"}
