"""What the tests of Triton share: a tiny model in a repository, a server on free ports, requests and load."""

from __future__ import annotations

import http.client
import json
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil
from onnx import TensorProto, helper, numpy_helper
from support import Completed, environment

from mnist_etc.composition import compose
from mnist_etc.export.config import MODEL, ExportCommand
from mnist_etc.export.model_config import ModelConfig
from mnist_etc.export.repository import ModelRepository
from mnist_etc.serving.config import ServeCommand, ServingConfig

Array = np.ndarray[Any, Any]

INFER = f"/v2/models/{MODEL}/infer"
COMMAND = ("-m", "mnist_etc.serving.triton")
LENGTH = "Inference-Header-Content-Length"
SHAPE = (28, 28, 1)
PIXELS = np.random.default_rng(0).random((3, *SHAPE), np.float32)


def write_model(path: Path, seed: int) -> None:
    """One linear layer whose weights ``seed`` draws."""
    draws = np.random.default_rng(seed)
    weights = {"w": draws.normal(size=(784, 10)).astype("f4"), "b": draws.normal(size=10).astype("f4")}
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["input"], ["flat"]),
            helper.make_node("Gemm", ["flat", "w", "b"], ["output"]),
        ],
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", *SHAPE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    path.write_bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def logits(seed: int, pixels: Array = PIXELS) -> np.ndarray[Any, Any]:
    """What the model of ``seed`` answers, by numpy."""
    draws = np.random.default_rng(seed)
    weights, bias = draws.normal(size=(784, 10)).astype("f4"), draws.normal(size=10).astype("f4")
    return np.asarray(pixels.reshape(-1, 784) @ weights + bias)


def first_logit(seed: int) -> float:
    """What tells the answers of one seed from those of another."""
    return round(float(logits(seed)[0, 0]), 2)


def publish(repository: Path, seed: int) -> int:
    """Publish the model of ``seed`` as ``python -m mnist_etc.export`` would; return its version."""
    asked = compose("export", ExportCommand, ["data=digits", "triton.max_batch_size=64", "policy=logits"])
    config = ModelConfig(triton=asked.triton, input_type=asked.input_type, policy=asked.policy.name, version=0)
    return ModelRepository(repository).publish(lambda path: write_model(path, seed), config, {"seed": seed})


def free_ports(count: int = 3) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def keys(repository: Path, *more: str) -> list[str]:
    """The command line of a server of ``repository`` on free ports."""
    ports = zip(("http", "grpc", "metrics"), free_ports(), strict=True)
    named = [f"serving.{name}_port={port}" for name, port in ports]
    return [f"serving.repository={repository}", "serving.server=local", "serving.exit_seconds=3", *named, *more]


def configured(overrides: list[str]) -> ServingConfig:
    return compose("serve", ServeCommand, overrides).serving


class Client:
    """One keep-alive HTTP connection that is opened again where the server closed it."""

    def __init__(self, port: int, timeout: float = 30) -> None:
        self._port, self._timeout = port, timeout
        self._connection = self._open()

    def send(
        self, body: bytes = b"", headers: dict[str, str] | None = None, path: str = INFER, method: str = "POST"
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer; an OSError or HTTPException where there is none."""
        if self._connection.sock is not None and _closed(self._connection.sock):
            self._connection.close()
        try:
            self._connection.request(method, path, body, headers or {})
            answer = self._connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = self._open()
            raise

    def close(self) -> None:
        self._connection.close()

    def __del__(self) -> None:
        self.close()

    def _open(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)

    def logits(self, pixels: Array = PIXELS) -> np.ndarray[Any, Any]:
        status, headers, body = self.send(*binary(pixels))
        assert status == 200, body
        start = int(headers[LENGTH.lower()])
        return np.frombuffer(body[start:], "f4").reshape(-1, 10)

    def ready(self) -> int:
        return self.send(path="/v2/health/ready", method="GET")[0]


def _closed(sock: socket.socket) -> bool:
    """Nothing was asked, so what can be read is the end."""
    return bool(select.select([sock], [], [], 0)[0])


def header(pixels: Array = PIXELS, **changes: Any) -> dict[str, Any]:
    """The JSON of a binary request, its input changed."""
    told: dict[str, Any] = {"name": "input", "shape": list(pixels.shape), "datatype": "FP32"}
    told["parameters"] = {"binary_data_size": pixels.nbytes}
    wanted = {"name": "output", "parameters": {"binary_data": True}}
    return {"inputs": [told | changes], "outputs": [wanted]}


def binary(pixels: Array = PIXELS, **changes: Any) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request whose pixels follow the JSON."""
    text = json.dumps(header(pixels, **changes)).encode()
    return text + pixels.tobytes(), {LENGTH: str(len(text))}


def tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def resident(pid: int) -> int:
    """Bytes of memory of a process and its children."""
    return sum(one.memory_info().rss for one in tree(pid))


def shared_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").glob("mnist_etc_triton_*")}


class Load:
    """Threads that ask without a pause and keep what came: answers, refused connections, failures."""

    def __init__(self, port: int, threads: int = 4, *, keep_alive: bool = True) -> None:
        self._keep_alive = keep_alive
        self.port, self.refused = port, 0
        self.answers: list[tuple[float, float]] = []
        self.failed: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a request was never answered"

    def seen(self) -> set[float]:
        """The different answers."""
        return {answer for _, answer in self.answers}

    def latest(self, seconds: float) -> int:
        """Answers of the last ``seconds`` of the load."""
        end = self.answers[-1][0]
        return sum(moment > end - seconds for moment, _ in self.answers)

    def wait_for(self, answer: float, seconds: float = 15) -> None:
        """Until the newest answers are ``answer``."""
        deadline = time.monotonic() + seconds
        while {one for _, one in self.answers[-20:]} != {answer}:
            assert time.monotonic() < deadline, (answer, self.answers[-3:], self.failed[:3])
            time.sleep(0.02)

    def _ask(self) -> None:
        client = Client(self.port)
        while not self._stop.is_set():
            try:
                answer = client.logits()
                if not self._keep_alive:
                    client.close()
                self.answers.append((time.monotonic(), round(float(answer[0, 0]), 2)))
            except ConnectionRefusedError:
                self.refused += 1
                time.sleep(0.01)
            except Exception as error:  # noqa: BLE001 -- every kind is a failure to tell of
                self.failed.append(repr(error))
                time.sleep(0.01)
        client.close()


class Served:
    """The command, started and ready."""

    def __init__(self, repository: Path, *more: str) -> None:
        self.keys = keys(repository, *more)
        self.ports = [int(word.split("=")[1]) for word in self.keys if "_port=" in word]
        self.process = subprocess.Popen(
            [sys.executable, *COMMAND, *self.keys],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout
        self.said: list[str] = []
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith("ready"):
                break
        self.tree = tree(self.process.pid)
        self.server = next(one for one in self.tree if one.name() == "tritonserver")
        self.folder = next(word for word in self.server.cmdline() if "backend-directory" in word).split("/")[-2]

    def ended(self, timeout: float = 30) -> Completed:
        start = time.monotonic()
        out, err = self.process.communicate(timeout=timeout)
        return Completed(self.process.returncode, "".join(self.said) + out, err, time.monotonic() - start)

    def left(self) -> list[str]:
        """Processes, ports, shared memory and folders of it that are still there after 10 s."""
        _, alive = psutil.wait_procs(self.tree, timeout=10)
        taken = {
            one.laddr.port for one in psutil.net_connections("inet") if one.laddr and one.status == psutil.CONN_LISTEN
        }
        paths = [*Path("/dev/shm").glob(f"{self.folder}*"), *Path("/tmp").glob(f"{self.folder}*")]
        return [*map(str, alive), *map(str, taken & set(self.ports)), *map(str, paths)]


@contextmanager
def served(repository: Path, *more: str) -> Iterator[Served]:
    publish(repository, 1)
    running = Served(repository, *more)
    with running.process:  # waits for it and closes its pipes
        try:
            yield running
        finally:
            for one in running.tree:
                if one.is_running():
                    one.kill()
