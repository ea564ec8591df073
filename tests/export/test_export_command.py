"""``python -m mnist_etc.export`` and what is built on it, as typed, on a model of toy size."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from support import TINY_MODEL, Run, environment, refused

from mnist_etc.data import digits
from mnist_etc.export.repository import ModelRepository

PORTS = ["serving.http_port=18740", "serving.grpc_port=18741", "serving.metrics_port=18742"]


@pytest.fixture
def place(trained: Path, tmp_path: Path) -> Path:
    """A copy of it that may be harmed."""
    shutil.copytree(trained / "artifacts", tmp_path / "artifacts")
    return tmp_path


def test_publish_roll_back_prune(run: Run, place: Path) -> None:
    first = run("-m", "mnist_etc.export", *TINY_MODEL, "policy=logits")
    assert (first.returncode, first.stderr) == (0, "")
    assert "version 1 in triton/model_repository/onnx-mnist_etc: float32, input float32, output logits" in first.stdout
    assert "privacy of the training images: none" in first.stdout
    again = run("-m", "mnist_etc.export", *TINY_MODEL, "policy=logits")
    assert "version 1 in" in again.stdout
    gates = ["gates.size_mb=10", "gates.accuracy_loss=0.5"]
    second = run(
        "-m", "mnist_etc.export", *TINY_MODEL, "input_type=uint8", "policy=probabilities", "variant=auto", *gates
    )
    assert "version 2 in" in second.stdout
    assert "times as fast at batch" in second.stdout
    assert "won of 360, McNemar's exact p = " in second.stdout
    repository = ModelRepository(place / "triton" / "model_repository")
    images = digits.read("test").images[:9]
    outputs = {}
    for version, pixels in ((1, images[..., None].astype(np.float32) / 255), (2, images[..., None])):
        session = onnxruntime.InferenceSession(repository.model / str(version) / "model.onnx")
        outputs[version] = session.run(["output"], {"input": pixels})[0]
    powers = np.exp(outputs[1])
    np.testing.assert_allclose(outputs[2], powers / powers.sum(axis=1, keepdims=True), atol=1e-5)
    manifest = json.loads((repository.model / "2" / "manifest.json").read_text())
    assert manifest["privacy"]["epsilon"] is None
    assert manifest["gates"] == {"size_mb": 10, "accuracy_loss": 0.5}
    assert manifest["policy"] == {"name": "probabilities", "leakage_bits": pytest.approx(299.9, abs=0.1)}
    assert "1 (in service), 2" in run("-m", "mnist_etc.export", "rollback=true").stdout
    assert "removed none" in run("-m", "mnist_etc.export", "prune=1").stdout
    refused(run("-m", "mnist_etc.export", "rollback=true"), "before 1")


def test_a_graph_that_answers_otherwise_is_not_published(run: Run, place: Path, tmp_path: Path) -> None:
    """The ONNX file's last bias is moved, and the manifest vouches for it: parity with Keras catches it."""
    (path,) = (place / "artifacts" / "digits").glob("full_model_*.onnx")
    model = onnx.load(path)
    bias = next(one for one in model.graph.initializer if list(one.dims) == [10])
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.01), bias.name))
    path.write_bytes(model.SerializeToString())
    script = (
        "import json, sys; from pathlib import Path\n"
        "from mnist_etc.files import sha256; from mnist_etc.artifacts import manifest\n"
        "path = Path(sys.argv[1]); beside = path.with_suffix('.json'); content = json.loads(beside.read_text())\n"
        "content.pop('manifest_sha256'); content['files'][path.name] = sha256(path)\n"
        "beside.write_text(json.dumps(content | {'manifest_sha256': manifest._digest(content)}))\n"
    )
    assert run("-c", script, str(path)).returncode == 0
    done = run("-m", "mnist_etc.export", *TINY_MODEL)
    refused(done, "served graph and Keras", "not published")
    assert ModelRepository(tmp_path / "triton" / "model_repository").versions() == []


def test_a_model_that_misses_a_gate_is_not_published(run: Run, place: Path) -> None:
    done = run("-m", "mnist_etc.export", *TINY_MODEL, "gates.accuracy=0.999", "gates.size_mb=10")
    refused(done, "every release gate", "at least 0.999", "not published", code=3)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["gate", "accuracy", "size_mb"]
    assert done.stdout.count("FAIL") == 1
    assert ModelRepository(place / "triton" / "model_repository").versions() == []


def test_a_gate_of_ones_own_is_run(run: Run, place: Path, project: Path) -> None:
    """The example of ``docs/add/gate.md``, run as a user would run it."""
    example = re.search(r"```python\n(.*?)```", (project / "docs/add/gate.md").read_text(), re.DOTALL)
    assert example
    (place / "own_gate.py").write_text(example[1].replace("bound=0.5", "bound=1.1"))
    done = run(place / "own_gate.py", "export", *TINY_MODEL)
    refused(done, "coverage", "at least 1.1", code=3)


@pytest.mark.parametrize("suffix", [".h5", ".onnx"])
def test_an_altered_artifact_is_not_published(run: Run, place: Path, suffix: str) -> None:
    (path,) = (place / "artifacts" / "digits").glob(f"full_model_*{suffix}")
    path.write_bytes(path.read_bytes()[:-1])
    refused(run("-m", "mnist_etc.export", *TINY_MODEL), path.name, "truncated or altered")
    assert not (place / "triton").exists()


def test_a_model_that_was_not_trained_is_named(run: Run) -> None:
    refused(run("-m", "mnist_etc.export", *TINY_MODEL), "full_model_", "train.py data=digits")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["triton.preferred_batch_size=[65]"], ["triton.preferred_batch_size", "64"]),
        (["triton.instances=0"], ["triton.instances"]),
        (["rollback=true", "prune=2"], ["both"]),
        (["policy=all"], ["policy"]),
        (["repository="], ["repository"]),
        (["gates.accuracy=much"], ["gates.accuracy", "much"]),
        (["gates.latency_ms=-1"], ["gates.latency_ms", "-1"]),
    ],
)
def test_wrong_values_are_refused_at_once(run: Run, words: list[str], said: list[str]) -> None:
    refused(run("-m", "mnist_etc.export", *words), *said, code=2)


def test_served_measured_and_tuned_as_typed(run: Run, place: Path) -> None:
    """The whole way: publish, serve, perf_analyzer as users type it, SIGTERM, tune, publish the winner."""
    assert run("-m", "mnist_etc.export", *TINY_MODEL).returncode == 0
    command = [sys.executable, "-m", "mnist_etc.serving.triton", "serving.server=local", *PORTS]
    with subprocess.Popen(command, cwd=place, env=environment(), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            lines = [server.stdout.readline() for _ in range(7)]
            assert "tritonserver 2.51.0 from its wheel" in lines[0]
            assert "http://127.0.0.1:18740" in lines[2]
            typed = "-m onnx-mnist_etc -u localhost:18740 --concurrency-range 3:4 --shape input:5,28,28 -p 200 -s 100"
            measured = run("-m", "mnist_etc.serving.perf", *typed.split())
            assert measured.returncode == 0, measured.stdout + measured.stderr
            assert "Concurrency: 4, throughput: " in measured.stdout
            five = run("-m", "mnist_etc.serving.perf", *typed.split()[:4], "-b", "5", "-p", "200", "-s", "100")
            assert "Batch size: 5" in five.stdout
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.stdout.read().splitlines()[-1] == "stopped"
    assert server.returncode == 0
    search = "instances=[1,2] intra_op_threads=[1] max_queue_delay_microseconds=[0] input_type=[uint8] rounds=2 "
    search += "preferred_batch_size=[0] survivors=2 milliseconds=150 concurrency=[2] p99_milliseconds=1000"
    tuned = run("-m", "mnist_etc.serving.tune", *TINY_MODEL, *PORTS, *search.split())
    assert tuned.returncode == 0, tuned.stderr
    publish = shlex.split(tuned.stdout.splitlines()[-1].partition("python -m mnist_etc.export ")[2])
    assert {"input_type=uint8", *TINY_MODEL} <= set(publish)
    found = sorted(path.name for path in (place / "artifacts" / "tuning").iterdir())
    assert found == [".lock", "config.pbtxt", "measurements.json", "tuning.csv", "tuning.md", "tuning.png"]
    record = place / "artifacts" / "tuning" / "measurements.json"
    measured_once = record.read_bytes()
    assert run("-m", "mnist_etc.serving.tune", *TINY_MODEL, *PORTS, *search.split()).stdout == tuned.stdout
    assert record.read_bytes() == measured_once, "what is on record is not measured again"
    assert run("-m", "mnist_etc.export", *publish).returncode == 0
    service = (place / "triton" / "model_repository" / "onnx-mnist_etc" / "config.pbtxt").read_text()
    assert "TYPE_UINT8" in service
    assert [path.name for path in (place / "triton" / "model_repository").iterdir()] == ["onnx-mnist_etc"]
