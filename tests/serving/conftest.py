"""A real Triton, once for the tests of a session that ask it, and what it takes to start one more."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from support import writer

from mnist_etc.composition import compose
from mnist_etc.data.dataset import DIGITS
from mnist_etc.export.config import ExportCommand
from mnist_etc.export.model_config import ModelConfig
from mnist_etc.export.repository import ModelRepository
from mnist_etc.serving.config import ServeCommand, ServingConfig
from mnist_etc.serving.server import TritonServer


def small_model(input_type: str = "float32", policy: str = "logits", classes: int = 10, side: int = 28) -> bytes:
    """ONNX of the form of the served model: one linear layer with random weights that do not change."""
    from onnx import TensorProto, helper, numpy_helper

    generator = np.random.default_rng(0)
    weights = {
        "kernel": generator.normal(0, 0.3, (side**2, classes)).astype(np.float32),
        "bias": generator.normal(0, 1, classes).astype(np.float32),
        "white": np.float32(255),
    }
    uint8 = input_type == "uint8"
    nodes = [
        helper.make_node("Cast", ["input"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["pixels", "white"], ["scaled"]),
        helper.make_node("Flatten", ["scaled" if uint8 else "input"], ["flat"]),
        helper.make_node("Gemm", ["flat", "kernel", "bias"], ["logits"]),
        helper.make_node("Softmax" if policy == "probabilities" else "Identity", ["logits"], ["output"]),
    ]
    kind = TensorProto.UINT8 if uint8 else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes if uint8 else nodes[2:],
        "small",
        [helper.make_tensor_value_info("input", kind, ["N", side, side, 1])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", classes])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def publish_small_model(root: Path, *overrides: str, names: tuple[str, ...] = DIGITS, side: int = 28) -> Path:
    """Put `small_model` into the model repository ``root``, as ``export`` would with ``overrides``."""
    config = compose("export", ExportCommand, ["data=digits", "triton.warmup=[]", "policy=logits", *overrides])
    content = small_model(config.input_type.value, config.policy.name, len(names), side)
    ModelRepository(root).publish(
        writer(content),
        ModelConfig(
            triton=config.triton,
            input_type=config.input_type,
            policy=config.policy.name,
            version=0,
            names=names,
            side=side,
        ),
        {"made": "for tests"},
    )
    return root


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def serving(repository: Path, *overrides: str) -> ServingConfig:
    """A server without Docker, on free ports."""
    ports = dict(zip(("http_port", "grpc_port", "metrics_port"), free_ports(3), strict=True))
    asked = [f"serving.{key}={port}" for key, port in ports.items()]
    asked += [f"serving.repository={repository}", "serving.server=local", "serving.exit_seconds=5"]
    return compose("serve", ServeCommand, [*asked, *overrides]).serving


@pytest.fixture(scope="session")
def triton_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """Serves `small_model`: float32 pixels in, logits out."""
    with TritonServer(serving(publish_small_model(tmp_path_factory.mktemp("repository")))) as server:
        yield server
