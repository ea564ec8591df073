"""MLflow's own server on what a training registered: without TensorFlow, and never telling more than Triton would."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from processes import python
from support import TINY_MODEL, Run, environment, refused

from mnist_etc.composition import compose
from mnist_etc.data import digits, load
from mnist_etc.data.config import DataConfig
from mnist_etc.export.config import ExportCommand
from mnist_etc.policy.graph import answers
from mnist_etc.policy.output_policy import fit_policy
from mnist_etc.predictor import Predictor

MODEL = "models:/mnist_etc_full_model@candidate"
WITHOUT = """\
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "tf2onnx"):
            raise ImportError(f"{name} is refused here")
sys.meta_path.insert(0, Refuse())
"""
PATIENCE = 120
"""Seconds that a server may take to start."""


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where a toy training registered its models."""
    folder = tmp_path_factory.mktemp("registered")
    done = python("-m", "train_.pipeline", *TINY_MODEL, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def expected(registered: Path) -> NDArray[np.float32]:
    """What the policy makes of what `Predictor` says of nine test images."""
    command = compose("export", ExportCommand, TINY_MODEL)
    data: DataConfig = command.data
    (path,) = (registered / "artifacts" / "digits").glob("full_model_*.onnx")
    predictor, validation = Predictor(path), load(data).validation
    policy = fit_policy(command.policy, predictor.logits(validation.images), validation.labels, validation.side)
    return answers(policy, predictor.logits(images()))


def images() -> NDArray[np.uint8]:
    return digits.read("test").images[:9]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def serving(folder: Path, *words: str, port: int) -> Iterator[str]:
    """A server that cannot import TensorFlow, stopped with all that it started; its address once it answers."""
    refuse = folder / "refuse"
    refuse.mkdir(exist_ok=True)
    (refuse / "sitecustomize.py").write_text(WITHOUT)
    env = environment({"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"})
    env["PYTHONPATH"] = f"{refuse}:{env['PYTHONPATH']}"
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"  # MLflow starts uvicorn by its name
    told = folder / f"{words[0]}.log"
    with told.open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
            while True:
                assert process.poll() is None, told.read_text()
                assert time.monotonic() < deadline, told.read_text()
                try:
                    urllib.request.urlopen(f"{address}/ping", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.3)
            yield address
            process.send_signal(signal.SIGINT)
            process.wait(30)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def post(address: str, content: Any, **headers: str) -> tuple[int, Any]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def tensor(values: NDArray[np.uint8] | None = None) -> dict[str, Any]:
    scaled = (images() if values is None else values)[..., None].astype(np.float32) / 255
    return {"name": "input", "shape": list(scaled.shape), "datatype": "FP32", "data": scaled.ravel().tolist()}


def invoke(address: str) -> NDArray[np.float32]:
    scaled = images()[..., None].astype(np.float32) / 255
    code, content = post(f"{address}/invocations", {"inputs": {"input": scaled.tolist()}})
    assert code == 200, content
    return np.array(content["predictions"]["output"], np.float32)


def test_mlflow_models_serve_answers_as_the_predictor_behind_the_policy(
    registered: Path, expected: NDArray[np.float32]
) -> None:
    port = free_port()
    words = ["mlflow", "models", "serve", "-m", MODEL, "--env-manager", "local", "--port", str(port)]
    with serving(registered, *words, port=port) as address:
        np.testing.assert_allclose(invoke(address), expected, atol=1e-6)


def test_our_server_answers_both_protocols_and_refuses_the_rest(
    registered: Path, expected: NDArray[np.float32]
) -> None:
    port = free_port()
    with serving(registered, "mnist_etc.serving.mlflow", f"port={port}", port=port) as address:
        np.testing.assert_allclose(invoke(address), expected, atol=1e-6)
        place = f"{address}/v2/models/mnist_etc_full_model"
        code, content = post(f"{place}/infer", {"id": "a", "inputs": [tensor()]})
        assert (code, content["id"], content["model_name"]) == (200, "a", "mnist_etc_full_model")
        (output,) = content["outputs"]
        assert (output["name"], output["datatype"], output["shape"]) == ("output", "FP32", [9, 10])
        np.testing.assert_allclose(np.reshape(output["data"], output["shape"]), expected, atol=1e-6)
        assert len({round(max(row), 6) for row in np.reshape(output["data"], output["shape"])}) <= 20, "levels:2"
        with urllib.request.urlopen(place, timeout=30) as response:
            assert json.load(response)["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 28, 28, 1]}]
        for wrong in (
            b"[" * 100_000,
            b"\xff",
            {},
            {"inputs": []},
            {"inputs": [tensor() | {"shape": [9, 28, 28]}]},
            {"inputs": [tensor() | {"shape": [10**9, 28, 28, 1]}]},
            {"inputs": [tensor() | {"datatype": "BYTES"}]},
            {"inputs": [tensor() | {"data": ["x"] * 7056}]},
            {"inputs": [tensor() | {"data": [-1.0] * 7056}]},
            b'{"inputs": [{"name": "input", "shape": [1, 28, 28, 1], "datatype": "FP32", "data": [NaN]}]}',
        ):
            code, content = post(f"{place}/infer", wrong)
            assert code == 400, content
            assert content["error"]
        for way in ("invocations", "v2/models/mnist_etc_full_model/infer"):
            assert post(f"{address}/{way}", b"{}", **{"Content-Length": str(2**40)})[0] == 413
        np.testing.assert_allclose(invoke(address), expected, atol=1e-6)
    lines = (registered / "mnist_etc.serving.mlflow.log").read_text().splitlines()
    assert lines[-1] == "stopped", lines


def test_what_tells_more_than_triton_is_refused(run: Run, registered: Path) -> None:
    """A part that answers no images, and a full model while Triton tells the label alone."""
    command = ["-m", "mnist_etc.serving.mlflow"]
    done = run(*command, "model_uri=models:/mnist_etc_classifier@candidate", cwd=registered)
    refused(done, "output policy", "mnist_etc_classifier")
    published = run("-m", "mnist_etc.export", *TINY_MODEL, "policy=label", "repository=label", cwd=registered)
    assert published.returncode == 0, published.stderr
    refused(run(*command, "repository=label", cwd=registered), "at most 3.322 bits", "Triton's version 1", "4.322")


def test_what_is_not_there_is_named(run: Run, registered: Path, tmp_path: Path) -> None:
    command = ["-m", "mnist_etc.serving.mlflow"]
    refused(run(*command), "mlflow.db", "no such file", "train.py")
    assert not (tmp_path / "mlflow.db").exists()
    refused(run(*command, "model_uri=models:/absent/1", cwd=registered), "models:/absent/1", "absent")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(*command, f"port={taken.getsockname()[1]}", cwd=registered)
        refused(done, "in use", "port=<a free one>")
