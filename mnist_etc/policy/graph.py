"""The output policy as ONNX operators behind a model's logits, so that a server that runs them cannot give more."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnist_etc.data.dataset import CLASSES, SIDE
from mnist_etc.policy.config import PolicyName
from mnist_etc.policy.output_policy import DRAWS, OutputPolicy

__all__ = ["OPSET", "answers", "append_policy"]

OPSET = 18
IR_VERSION = 8
"""Of opset 18; ONNX Runtime reads it from 1.14 on."""
WHITE = 255
CHUNK = 1000
MIX = ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 0))
"""Shifts and factors of lowbias32 (Wellons 2018), a permutation of 32-bit numbers."""


def append_policy(model: onnx.ModelProto, policy: OutputPolicy) -> onnx.ModelProto:
    """``model``, whose ``output`` is logits ``(batch, 10)``, with what ``policy`` makes of them as ``output``.

    Behind ``noisy`` a float input is rounded to bytes first, so that one image has one answer.
    """
    if policy.config.name is PolicyName.logits:
        return model
    ours = onnx.ModelProto.FromString(model.SerializeToString())
    graph = ours.graph
    for node in graph.node:
        node.output[:] = ["logits" if name == "output" else name for name in node.output]
        node.input[:] = ["logits" if name == "output" else name for name in node.input]
    front = _Nodes()
    if policy.config.name is PolicyName.noisy and graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT:
        clipped = front.add("Clip", "input", front.constant(0, np.float32), front.constant(1, np.float32))
        white = front.constant(WHITE, np.float32)
        grey = front.add("Round", front.add("Mul", clipped, white))
        told = front.add("Cast", grey, output="policy/bytes", to=TensorProto.UINT8)
        # From the bytes: what is not a number must not reach the model past the hash.
        front.add("Div", front.add("Cast", told, to=TensorProto.FLOAT), white, output="policy/image")
        for node in graph.node:
            node.input[:] = ["policy/image" if name == "input" else name for name in node.input]
    elif policy.config.name is PolicyName.noisy:
        front.add("Identity", "input", output="policy/bytes")
    back = _answering(policy)
    nodes = [*front.nodes, *graph.node, *back.nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in (front.constants | back.constants).items())
    onnx.checker.check_model(ours, full_check=True)
    return ours


def answers(
    policy: OutputPolicy, logits: NDArray[np.float32], images: NDArray[np.uint8] | None = None
) -> NDArray[np.float32]:
    """What the served graph answers where the model's logits are these, by the same operators.

    Args:
        policy: any but ``auto``.
        logits: ``(n, 10)``.
        images: uint8 ``(n, 28, 28)``, which ``noisy`` reads.
    """
    import onnxruntime

    if policy.config.name is PolicyName.logits:
        return logits
    inputs: dict[str, NDArray[Any]] = {"logits": logits}
    declared = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])]
    if policy.config.name is PolicyName.noisy:
        assert images is not None
        inputs["policy/bytes"] = images[..., None]
        declared.append(helper.make_tensor_value_info("policy/bytes", TensorProto.UINT8, ["batch", SIDE, SIDE, 1]))
    nodes = _answering(policy)
    graph = helper.make_graph(
        nodes.nodes,
        "policy",
        declared,
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in nodes.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    parts = [
        session.run(["output"], {name: value[first : first + CHUNK] for name, value in inputs.items()})[0]
        for first in range(0, len(logits), CHUNK)
    ]
    return np.concatenate(parts)


class _Nodes:
    """Operators in the order of their work, and their constants by name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"policy/{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, value: Any, kind: Any) -> str:
        array = np.asarray(value, kind)
        name = f"policy/{array.dtype}_{array.tolist()}" if array.ndim == 0 else f"policy/constant_{len(self.constants)}"
        self.constants[name] = array
        return name


def _answering(policy: OutputPolicy) -> _Nodes:
    """From ``logits`` to ``output``; `noisy` also reads ``policy/bytes``, uint8 ``(batch, 28, 28, 1)``."""
    nodes, config = _Nodes(), policy.config
    match config.name:
        case PolicyName.label:
            _one_hot(nodes, nodes.add("ArgMax", "logits", axis=1, keepdims=0), [0, 1])
        case PolicyName.noisy:
            _noisy(nodes, policy)
        case PolicyName.probabilities:
            nodes.add("Softmax", "logits", output="output", axis=1)
        case PolicyName.rounded:
            units = nodes.constant(10**config.decimals, np.float32)
            scaled = nodes.add("Mul", nodes.add("Softmax", "logits", axis=1), units)
            nodes.add("Div", nodes.add("Round", scaled), units, output="output")
        case PolicyName.levels:
            _levels(nodes, policy)
        case _:
            _top(nodes, config.k if config.name is PolicyName.top_k else 1)
    return nodes


def _one_hot(nodes: _Nodes, label: str, values: list[float]) -> None:
    """``values[1]`` at ``label``, int64 ``(batch,)``, and ``values[0]`` elsewhere."""
    depth = nodes.constant([CLASSES], np.int64)
    nodes.add("OneHot", label, depth, nodes.constant(values, np.float32), output="output", axis=1)


def _levels(nodes: _Nodes, policy: OutputPolicy) -> None:
    top = nodes.add("ReduceMax", nodes.add("Softmax", "logits", axis=1), nodes.constant([1], np.int64))
    reached = nodes.add("GreaterOrEqual", top, nodes.constant(policy.edges[None, :], np.float32))
    level = nodes.add(
        "ReduceSum", nodes.add("Cast", reached, to=TensorProto.INT64), nodes.constant([1], np.int64), keepdims=1
    )
    confidence = nodes.add("Gather", nodes.constant(policy.confidences, np.float32), level)
    rests = (1 - policy.confidences.astype(np.float64)) / (CLASSES - 1)
    rest = nodes.add("Gather", nodes.constant(rests, np.float32), level)
    label = nodes.add("ArgMax", "logits", axis=1, keepdims=1)
    predicted = nodes.add("Equal", label, nodes.constant(np.arange(CLASSES)[None, :], np.int64))
    nodes.add("Where", predicted, confidence, rest, output="output")


def _top(nodes: _Nodes, k: int) -> None:
    probabilities = nodes.add("Softmax", "logits", axis=1)
    values, places = "policy/values", "policy/places"
    nodes.nodes.append(
        helper.make_node("TopK", [probabilities, nodes.constant([k], np.int64)], [values, places], axis=1)
    )
    told = nodes.add("ReduceSum", values, nodes.constant([1], np.int64), keepdims=1)
    left = nodes.add("Max", nodes.add("Sub", nodes.constant(1, np.float32), told), nodes.constant(0, np.float32))
    share = nodes.add("Div", left, nodes.constant(CLASSES - k, np.float32))
    everywhere = nodes.add("Expand", share, nodes.constant([1, CLASSES], np.int64))
    nodes.add("ScatterElements", everywhere, places, values, output="output", axis=1)


def _noisy(nodes: _Nodes, policy: OutputPolicy) -> None:
    """Draw a class by a keyed hash of the image, with integers alone, so the stated epsilon of an answer is exact.

    The hash is the upper half of a sum of the bytes, each times a secret 64-bit number: uniform, and independent for
    any two images (Dietzfelbinger 1996; Thorup 2015, arXiv:1504.06804, section 3.3), so two answers cost two epsilons.
    It is no cryptographic function: who asks about many images of their own making could solve for the key. A
    permutation of the sum spreads the draws of images that differ little.
    """
    flat = nodes.add("Flatten", nodes.add("Cast", "policy/bytes", to=TensorProto.UINT64), axis=1)
    keyed = nodes.add("MatMul", flat, nodes.constant(policy.key[:-1, None], np.uint64))
    keyed = nodes.add("Add", keyed, nodes.constant(policy.key[-1:], np.uint64))
    high = nodes.add("BitShift", keyed, nodes.constant(32, np.uint64), direction="RIGHT")
    draw = _mixed(nodes, high)
    other, kept = policy.other_draws(), DRAWS - (CLASSES - 1) * policy.other_draws()
    label = nodes.add("ArgMax", "logits", axis=1, keepdims=1)
    after = nodes.add("Sub", draw, nodes.constant(kept, np.int64))
    which = nodes.add("Div", after, nodes.constant(other, np.int64))
    step = nodes.add("Add", which, nodes.constant(1, np.int64))
    moved = nodes.add("Mod", nodes.add("Add", label, step), nodes.constant(CLASSES, np.int64))
    stays = nodes.add("Less", draw, nodes.constant(kept, np.int64))
    drawn = nodes.add("Squeeze", nodes.add("Where", stays, label, moved), nodes.constant([1], np.int64))
    _one_hot(nodes, drawn, [other / DRAWS, kept / DRAWS])


def _mixed(nodes: _Nodes, value: str) -> str:
    """Another order of the 32-bit numbers ``value``, uint64 to int64."""
    mask = nodes.constant(DRAWS - 1, np.uint64)
    for shift, factor in MIX:
        shifted = nodes.add("BitShift", value, nodes.constant(shift, np.uint64), direction="RIGHT")
        value = nodes.add("BitwiseXor", value, shifted)
        if factor:
            value = nodes.add("BitwiseAnd", nodes.add("Mul", value, nodes.constant(factor, np.uint64)), mask)
    return nodes.add("Cast", value, to=TensorProto.INT64)
