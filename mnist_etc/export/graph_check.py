"""What a graph has to be before it is served, whoever made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.external_data_helper import uses_external_data

from mnist_etc.errors import ConfigError, ExportError
from mnist_etc.export.model_config import ModelConfig
from mnist_etc.export.session import ServingSession
from mnist_etc.policy.graph import POLICY
from mnist_etc.policy.specification import parse_policy

__all__ = ["check_graph", "read_whole"]

OWN = {"", "ai.onnx"}
"""ONNX's own operators."""


def read_whole(path: Path) -> onnx.ModelProto:
    """Read an ONNX file that needs no other.

    Raises:
        ExportError: It is none, or refers to other files.
    """
    try:
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model)
    except Exception as error:  # of onnx, of protobuf and of C++
        raise _wrong(f"Expected an ONNX model; received: {' '.join(str(error).split())[:300]}") from error
    if any(uses_external_data(tensor) for tensor in _tensors(model.graph)):
        raise _wrong("Expected one file; received a model with external data")
    return model


def check_graph(path: Path, config: ModelConfig, said: str) -> None:
    """Hold the graph in ``path`` to what ``config`` says of it, by its operators, its policy and an answer.

    Args:
        path: the ONNX file.
        config: that it will be served by.
        said: what it is called in messages.

    Raises:
        ExportError: It has other operators than ONNX's own, another policy, input or output, or answers no numbers.
    """
    model = read_whole(path)
    if foreign := sorted({node.domain for node in model.graph.node} - OWN) or [one.name for one in model.functions]:
        raise _wrong(f"Expected ONNX's own operators in {said}; received those of {', '.join(foreign)}")
    stated = next((entry.value for entry in model.metadata_props if entry.key == POLICY), "logits")
    try:
        policy = parse_policy(stated).name
    except ConfigError:
        policy = "none that is known"
    if policy != config.policy:
        raise _wrong(f"Expected policy {config.policy} in the graph of {said}; received {policy}")
    try:
        session = ServingSession(path, config.input_type)
        answer: Any = session.outputs(np.zeros((2, config.side, config.side), np.uint8))
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise _wrong(
            f"Expected a graph that answers images of {config.side} x {config.side} as {config.input_type.value} in "
            f"{said}; received: {' '.join(str(error).split())[:300]}"
        ) from error
    if answer.shape != (2, len(config.names)) or not np.isfinite(answer).all():
        raise _wrong(f"Expected {len(config.names)} finite numbers an image of {said}; received {answer.shape[1:]}")


def _tensors(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Every constant of a graph, of the graphs in it too."""
    found = [*graph.initializer]
    for node in graph.node:
        for attribute in node.attribute:
            found += [attribute.t, *attribute.tensors]
            for inner in (attribute.g, *attribute.graphs):
                found += _tensors(inner) if inner.node or inner.initializer else []
    return found


def _wrong(what: str) -> ExportError:
    return ExportError(f"{what}. It was not published.")
