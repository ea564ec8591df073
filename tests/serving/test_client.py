from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from samples import answers_to, publish
from serving.conftest import free_ports, publish_small_model, serving, small_model
from support import ROOT, Run, environment, refused

from mnist_etc.errors import ConfigError, ServingError
from mnist_etc.predictor import Predictor
from mnist_etc.serving.client import TritonPredictor
from mnist_etc.serving.protocol import WireProtocol
from mnist_etc.serving.server import TritonServer

DIGITS = ("data=digits", "artifacts=out")
CSV = Path("out") / "digits" / "clsf_h32_ee3_e6_inference.csv"
COUNTS = [0, 1, 63, 64, 65, 1200]
IMAGES = np.random.default_rng(1).integers(0, 256, (max(COUNTS), 28, 28), np.uint8)


def address(server: TritonServer, protocol: WireProtocol) -> str:
    return f"localhost:{server.config.http_port if protocol is WireProtocol.http else server.config.grpc_port}"


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


@pytest.mark.parametrize("protocol", WireProtocol)
def test_the_answers_are_those_of_the_model_here(
    triton_server: TritonServer, expected: NDArray[np.float32], protocol: WireProtocol
) -> None:
    before = regions()
    with TritonPredictor(address(triton_server, protocol), protocol) as predictor:
        assert (len(regions() - before) == 1) == (protocol is WireProtocol.shm)
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
        for protocol in WireProtocol:
            with TritonPredictor(address(server, protocol), protocol) as predictor:
                assert np.allclose(predictor.probabilities(IMAGES[:101]), expected[:101], atol=1e-6), protocol


def test_the_server_forgets_the_shared_memory_even_after_an_error(triton_server: TritonServer) -> None:
    from tritonclient import grpc

    before = regions()
    with grpc.InferenceServerClient(address(triton_server, WireProtocol.shm)) as asked:
        with (
            suppress(ZeroDivisionError),
            TritonPredictor(address(triton_server, WireProtocol.shm), WireProtocol.shm) as one,
        ):
            one.probabilities(IMAGES[:65])
            assert len(asked.get_system_shared_memory_status().regions) == 1
            raise ZeroDivisionError
        assert not asked.get_system_shared_memory_status().regions
    assert regions() == before


def test_the_same_table_as_without_a_server(run: Run, triton_server: TritonServer, tmp_path: Path) -> None:
    publish(small_model(), tmp_path / "out", DIGITS[0])
    assert run("infer.py", *DIGITS).returncode == 0
    here = (tmp_path / CSV).read_text()
    for protocol in WireProtocol:
        done = run("infer.py", *DIGITS, f"server={address(triton_server, protocol)}", f"protocol={protocol.value}")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert "privacy of the training images: none: a sample" in done.stdout
        there = (tmp_path / CSV).read_text()
        for ours, theirs in zip(csv.DictReader(here.splitlines()), csv.DictReader(there.splitlines()), strict=True):
            assert {**ours, "probability": ""} == {**theirs, "probability": ""}
            assert abs(float(ours["probability"]) - float(theirs["probability"])) < 2e-6


def test_no_model_is_needed_here(run: Run, triton_server: TritonServer, tmp_path: Path) -> None:
    done = run("infer.py", *DIGITS, f"server={address(triton_server, WireProtocol.http)}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [
        "privacy of the training images: unknown: the server does not say",
        str(CSV),
    ]
    assert len((tmp_path / CSV).read_text().splitlines()) == 361


@pytest.mark.parametrize("server", ["localhost", "http://localhost:8500", "localhost:", "localhost:0", "h:65536", ":1"])
def test_no_host_and_port(server: str) -> None:
    with pytest.raises(ConfigError, match=r"Expected server=<host>:<port>; received "):
        TritonPredictor(server, WireProtocol.http)


def test_nothing_listens(run: Run, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    done = run("infer.py", *DIGITS, f"server=localhost:{port}")
    refused(done, f"No server listens at server=localhost:{port}", "Connection refused", plain=True)
    refused(run("infer.py", *DIGITS, "server=localhost"), "server=<host>:<port>", "'localhost'", code=2)
    assert not (tmp_path / CSV).exists()


def test_the_port_of_another_protocol(triton_server: TritonServer) -> None:
    config = triton_server.config
    for port, protocol in (
        (config.http_port, WireProtocol.grpc),
        (config.http_port, WireProtocol.shm),
        (config.grpc_port, WireProtocol.http),
        (config.metrics_port, WireProtocol.http),
    ):
        start = time.monotonic()
        with pytest.raises(ServingError, match=r"Expected Triton at .* received.*protocol=http takes"):
            TritonPredictor(f"localhost:{port}", protocol)
        assert time.monotonic() - start < 10


def test_a_model_unknown_there(triton_server: TritonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("http", "grpc"):
        monkeypatch.setattr(f"mnist_etc.serving.transport.{module}.MODEL", "another")
    for protocol in WireProtocol:
        with pytest.raises(ServingError, match=r"received: Request for unknown model: 'another'.*Publish it"):
            TritonPredictor(address(triton_server, protocol), protocol)


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
    while not any(path.stat().st_size for path in folder.glob("out/digits/.mnist_etc-*")):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("protocol", WireProtocol)
def test_a_server_killed_and_started_again(
    tmp_path: Path, many: int, expected: NDArray[np.float32], protocol: WireProtocol
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
    with answers_to(tmp_path / CSV.parent, "many.npy").open() as file:
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
        predictors = [
            TritonPredictor(address(server, protocol), protocol, retry_seconds=0.5) for protocol in WireProtocol
        ]
        killed(server)
    for predictor in predictors:
        with predictor, pytest.raises(ServingError, match=r" gave no answer to images 0-199 within 0.5 s: "):
            predictor.probabilities(IMAGES[:200])
    assert capsys.readouterr().err.count("no answer: images 0-199 ") == len(predictors)
