from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from samples import publish
from serving.conftest import free_ports, publish_small_model, serving, small_model
from support import ROOT, Run, environment, refused

from mnist_etc.config import Protocol
from mnist_etc.errors import ConfigError, ServingError
from mnist_etc.inference import Predictor
from mnist_etc.serving import client
from mnist_etc.serving.client import TritonPredictor
from mnist_etc.serving.config import MODEL
from mnist_etc.serving.server import TritonServer

DIGITS = ("data=digits", "artifacts=out")
CSV = Path("out") / "digits" / "clsf_h32_ee3_e6_inference.csv"
COUNTS = [0, 1, 63, 64, 65, 1200]
IMAGES = np.random.default_rng(1).integers(0, 256, (max(COUNTS), 28, 28), np.uint8)
DIMS = {"input": [28, 28, 1], "output": [10]}


def address(server: TritonServer, protocol: Protocol) -> str:
    return f"localhost:{server.config.http_port if protocol is Protocol.http else server.config.grpc_port}"


def regions() -> set[str]:
    """This process's shared memory; those of servers are named ``mnist_etc_triton_...``."""
    return {path.name for path in Path("/dev/shm").iterdir() if re.fullmatch(r"mnist_etc_[0-9a-f]{16}", path.name)}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.float32]:
    path = tmp_path_factory.mktemp("local") / "model.onnx"
    path.write_bytes(small_model())
    probabilities = Predictor(path, threads=1).probabilities(IMAGES)
    assert len(set(probabilities.argmax(axis=1))) > 5, "the images must tell answers apart"
    return probabilities


@pytest.mark.parametrize("protocol", Protocol)
def test_the_answers_are_those_of_the_model_here(
    triton_server: TritonServer, expected: NDArray[np.float32], protocol: Protocol
) -> None:
    before = regions()
    with TritonPredictor(address(triton_server, protocol), protocol) as predictor:
        assert (len(regions() - before) == 1) == (protocol is Protocol.shm)
        for count in COUNTS:
            received = predictor.probabilities(IMAGES[:count])
            assert received.dtype == np.float32
            assert received.shape == (count, 10)
            assert np.allclose(received, expected[:count], atol=1e-6)
            assert np.array_equal(received.argmax(axis=1), expected[:count].argmax(axis=1))
    assert regions() == before


def test_small_batches_of_bytes_answered_with_probabilities(tmp_path: Path, expected: NDArray[np.float32]) -> None:
    asked = ("input_type=uint8", "policy=probabilities", "triton.max_batch_size=5", "triton.preferred_batch_size=[]")
    with TritonServer(serving(publish_small_model(tmp_path, *asked))) as server:
        for protocol in Protocol:
            with TritonPredictor(address(server, protocol), protocol) as predictor:
                assert np.allclose(predictor.probabilities(IMAGES[:101]), expected[:101], atol=1e-6), protocol


def test_the_server_forgets_the_shared_memory_even_after_an_error(triton_server: TritonServer) -> None:
    from tritonclient import grpc

    before = regions()
    with grpc.InferenceServerClient(address(triton_server, Protocol.shm)) as asked:
        with suppress(ZeroDivisionError), TritonPredictor(address(triton_server, Protocol.shm), Protocol.shm) as one:
            one.probabilities(IMAGES[:65])
            assert len(asked.get_system_shared_memory_status().regions) == 1
            raise ZeroDivisionError
        assert not asked.get_system_shared_memory_status().regions
    assert regions() == before


def test_the_same_table_as_without_a_server(run: Run, triton_server: TritonServer, tmp_path: Path) -> None:
    publish(small_model(), tmp_path / "out", DIGITS[0])
    assert run("infer.py", *DIGITS).returncode == 0
    here = (tmp_path / CSV).read_text()
    for protocol in Protocol:
        done = run("infer.py", *DIGITS, f"server={address(triton_server, protocol)}", f"protocol={protocol.value}")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert "privacy of the training images: none: a sample" in done.stdout
        there = (tmp_path / CSV).read_text()
        for ours, theirs in zip(csv.DictReader(here.splitlines()), csv.DictReader(there.splitlines()), strict=True):
            assert {**ours, "probability": ""} == {**theirs, "probability": ""}
            assert abs(float(ours["probability"]) - float(theirs["probability"])) < 2e-6


def test_no_model_is_needed_here(run: Run, triton_server: TritonServer, tmp_path: Path) -> None:
    done = run("infer.py", *DIGITS, f"server={address(triton_server, Protocol.http)}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [
        "privacy of the training images: unknown: the server does not say",
        str(CSV),
    ]
    assert len((tmp_path / CSV).read_text().splitlines()) == 361


@pytest.mark.parametrize("server", ["localhost", "http://localhost:8500", "localhost:", "localhost:0", "h:65536", ":1"])
def test_no_host_and_port(server: str) -> None:
    with pytest.raises(ConfigError, match=r"Expected server=<host>:<port>; received "):
        TritonPredictor(server, Protocol.http)


def test_nothing_listens(run: Run, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    refused(run("infer.py", *DIGITS, f"server=localhost:{port}"), f"server=localhost:{port}", "Connection refused")
    refused(run("infer.py", *DIGITS, "server=localhost"), "server=<host>:<port>", "'localhost'", code=2)
    assert not (tmp_path / CSV).exists()


def test_the_port_of_another_protocol(triton_server: TritonServer) -> None:
    config = triton_server.config
    for port, protocol in (
        (config.http_port, Protocol.grpc),
        (config.http_port, Protocol.shm),
        (config.grpc_port, Protocol.http),
        (config.metrics_port, Protocol.http),
    ):
        start = time.monotonic()
        with pytest.raises(ServingError, match=r"Expected Triton at .* received.*protocol=http takes"):
            TritonPredictor(f"localhost:{port}", protocol)
        assert time.monotonic() - start < 10


def test_a_model_unknown_there(triton_server: TritonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnist_etc.serving.transports.MODEL", "another")
    for protocol in Protocol:
        with pytest.raises(ServingError, match=r"received: Request for unknown model: 'another'.*Publish it"):
            TritonPredictor(address(triton_server, protocol), protocol)


class Fake:
    """An HTTP server that answers as Triton does, but with ``statuses`` first; each answer's class is its pixel."""

    def __init__(self, statuses: list[int], **changes: Any) -> None:
        self.statuses, self.asked, self.classes, self.sent = statuses, 0, 10, slice(None)
        self.config = {
            "max_batch_size": 64,
            "input": [{"name": "input", "data_type": "TYPE_UINT8", "dims": DIMS["input"]}],
            "output": [{"name": "output", "data_type": "TYPE_FP32", "dims": DIMS["output"]}],
            **changes,
        }

    def answer(self, body: bytes, header: int) -> tuple[int, bytes, int | None]:
        if not header:
            return 200, json.dumps(self.config).encode(), None
        self.asked += 1
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            return status, b'{"error": "not now"}', None
        pixels = np.frombuffer(body[header:], np.uint8).reshape(-1, 784)
        logits = np.eye(10, self.classes, dtype=np.float32)[pixels[:, 0]] * 20
        output = {"name": "output", "datatype": "FP32", "shape": logits.shape}
        content = logits.tobytes()[self.sent]
        head = json.dumps({"outputs": [{**output, "parameters": {"binary_data_size": len(content)}}]}).encode()
        return 200, head + content, len(head)


@contextmanager
def listening(fake: Fake) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content, head = fake.answer(body, int(self.headers.get("Inference-Header-Content-Length", 0)))
            self.send_response(status)
            if head:
                self.send_header("Inference-Header-Content-Length", str(head))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 -- the name that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def digits(count: int) -> NDArray[np.uint8]:
    """Images whose pixels say their class, ``position % 10``."""
    return np.broadcast_to((np.arange(count) % 10).astype(np.uint8)[:, None, None], (count, 28, 28))


def test_a_503_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake([503, 503])
    with listening(fake) as server, TritonPredictor(server, Protocol.http) as predictor:
        received = predictor.probabilities(digits(30))
        assert fake.asked == 3
        again = predictor.probabilities(digits(30))
    assert np.array_equal(received.argmax(axis=1), np.arange(30) % 10)
    assert np.array_equal(again, received)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("no answer: images 0-29 (503 not now); trying again")


def test_only_what_got_no_answer_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake([200, 200, 503])
    with listening(fake) as server, TritonPredictor(server, Protocol.http) as predictor:
        assert len(predictor.probabilities(digits(7))) == 7
        received = predictor.probabilities(digits(2000))
    assert np.array_equal(received.argmax(axis=1), np.arange(2000) % 10)
    assert fake.asked == 1 + 32 + 1
    assert re.match(r"no answer: images (\d+-\d+, )?\d+-2006 \(503 not now\)", capsys.readouterr().err)


@pytest.mark.parametrize("status", [400, 429, 500, 502, 504])
def test_another_status_is_no_reason_to_ask_again(status: int) -> None:
    fake = Fake([status])
    with listening(fake) as server, TritonPredictor(server, Protocol.http) as predictor:
        with pytest.raises(ServingError, match=r"^Expected onnx-mnist_etc at .*; received: not now\. \S"):
            predictor.probabilities(digits(3))
    assert fake.asked == 1


def test_waits_double_until_the_time_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep: Callable[[float], None] = time.sleep
    monkeypatch.setattr(client.time, "sleep", lambda seconds: (waits.append(seconds), sleep(seconds))[0])
    start = time.monotonic()
    with listening(Fake([503] * 1000)) as server, TritonPredictor(server, Protocol.http, retry_seconds=1) as predictor:
        with pytest.raises(ServingError, match=r"^Expected images 0-2 of .* within 1 s; received: 503 not now"):
            predictor.probabilities(digits(3))
    assert 1 <= time.monotonic() - start < 3
    assert waits[:4] == [0.05, 0.1, 0.2, 0.4]


def test_answers_of_another_form() -> None:
    fake = Fake([])
    with listening(fake) as server, TritonPredictor(server, Protocol.http) as predictor:
        fake.classes = 9
        with pytest.raises(ServingError, match=r"^Expected an answer \(3, 10\) of .*; received \(3, 9\)\. Publish it"):
            predictor.probabilities(digits(3))
        for sent in (slice(0, 0), slice(0, 40), slice(0, 39)):
            fake.classes, fake.sent = 10, sent
            with pytest.raises(ServingError, match=r"^Expected Triton at .*; received an answer in another form: "):
                predictor.probabilities(digits(3))


TENSOR = {"name": "input", "data_type": "TYPE_UINT8", "dims": [28, 28, 1]}


@pytest.mark.parametrize(
    "changes",
    [
        {"input": [{**TENSOR, "dims": [32, 32, 1]}]},
        {"input": [{**TENSOR, "name": "pixels"}]},
        {"input": [{**TENSOR, "data_type": "TYPE_FP64"}]},
        {"input": [TENSOR, {**TENSOR, "name": "mask"}]},
        {"output": [{**TENSOR, "name": "output", "data_type": "TYPE_FP32", "dims": [100]}]},
        {"max_batch_size": 0},
        {"parameters": {"policy": {"string_value": "classes"}}},
    ],
)
def test_a_model_of_another_form(changes: dict[str, Any]) -> None:
    with listening(Fake([], **changes)) as server:
        with pytest.raises(ServingError, match=rf"^Expected {MODEL} at .*; received .*Publish it again"):
            TritonPredictor(server, Protocol.http)


def test_a_server_that_comes_back_with_another_model() -> None:
    fake = Fake([503])
    with listening(fake) as server, TritonPredictor(server, Protocol.http) as predictor:
        fake.config["parameters"] = {"policy": {"string_value": "probabilities"}}
        with pytest.raises(ServingError, match=r"before the connection was lost; received .*probabilities"):
            predictor.probabilities(digits(3))


@pytest.fixture
def many(tmp_path: Path) -> int:
    count = 20_000
    np.save(tmp_path / "many.npy", np.resize(IMAGES, (count, 28, 28)))
    return count


def killed(server: TritonServer) -> None:
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()


def infers(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "infer.py"), *DIGITS, "input=many.npy", "polarity=light_on_dark", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_rows(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size for path in folder.glob("out/digits/.tmp_*")):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("protocol", Protocol)
def test_a_server_killed_and_started_again(
    tmp_path: Path, many: int, expected: NDArray[np.float32], protocol: Protocol
) -> None:
    before = regions()
    config = serving(publish_small_model(tmp_path / "repository"))
    with TritonServer(config) as server:
        process = infers(tmp_path, f"server={address(server, protocol)}", f"protocol={protocol.value}")
        wait_for_rows(tmp_path)
        killed(server)
    with TritonServer(config):
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    ranges = [(int(first), int(last)) for first, last in re.findall(r"(\d+)-(\d+)", said.partition("(")[0])]
    assert ranges
    assert all(0 < first <= last < many for first, last in ranges)
    assert all(line.startswith("no answer: images ") for line in said.splitlines()), said
    with (tmp_path / CSV).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == list(range(many))
    predicted = np.resize(expected.argmax(axis=1), many)
    assert np.array_equal([int(row["predicted"]) for row in rows], predicted)
    assert regions() == before


def test_a_server_killed_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = serving(publish_small_model(tmp_path))
    with TritonServer(config) as server:
        predictors = [TritonPredictor(address(server, protocol), protocol, retry_seconds=0.5) for protocol in Protocol]
        killed(server)
    for predictor in predictors:
        with predictor, pytest.raises(ServingError, match=r"^Expected images 0-199 of .* within 0.5 s; received: "):
            predictor.probabilities(IMAGES[:200])
    assert capsys.readouterr().err.count("no answer: images 0-199 ") == len(predictors)
