"""The output policy as ONNX operators behind a model's logits, so that its answers cannot tell more."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import OutputPolicy
from mnist_etc.policy.specification import format_policy

__all__ = ["OPSET", "POLICY", "answers", "append_policy"]

POLICY = "policy"
"""Key of the policy, as `mnist_etc.policy.specification.parse_policy` reads it, in an ONNX file's metadata."""
OPSET = 18
IR_VERSION = 8
"""Of opset 18; ONNX Runtime reads it from 1.14 on."""
WHITE = 255
CHUNK = 1000


def append_policy(model: onnx.ModelProto, policy: OutputPolicy) -> onnx.ModelProto:
    """``model``, whose ``output`` is logits ``(batch, classes)``, with what ``policy`` makes of them as ``output``.

    Behind a policy that reads the image a float input is rounded to bytes first, so that one image has one answer.
    The metadata name the policy.
    """
    if policy.row.tells_logits:
        return model
    ours = onnx.ModelProto.FromString(model.SerializeToString())
    graph = ours.graph
    for node in graph.node:
        node.output[:] = ["logits" if name == "output" else name for name in node.output]
        node.input[:] = ["logits" if name == "output" else name for name in node.input]
    front, back = Operators(), Operators()
    if policy.row.reads_image:
        _expose_bytes(front, graph)
    policy.answer(back)
    nodes = [*front.nodes, *graph.node, *back.nodes]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in (front.constants | back.constants).items())
    stated = {entry.key: entry.value for entry in ours.metadata_props} | {POLICY: format_policy(policy.config)}
    helper.set_model_props(ours, dict(sorted(stated.items())))
    onnx.checker.check_model(ours, full_check=True)
    return ours


def _expose_bytes(front: Operators, graph: onnx.GraphProto) -> None:
    """Make ``policy/bytes`` of ``input``, and have the model read the same bytes where ``input`` is float."""
    if graph.input[0].type.tensor_type.elem_type != TensorProto.FLOAT:
        front.add("Identity", "input", output="policy/bytes")
        return
    clipped = front.add("Clip", "input", front.constant(0, np.float32), front.constant(1, np.float32))
    white = front.constant(WHITE, np.float32)
    gray = front.add("Round", front.add("Mul", clipped, white))
    told = front.cast(gray, np.uint8, output="policy/bytes")
    # From the bytes: what is not a number must not reach the model past the hash.
    front.add("Div", front.cast(told, np.float32), white, output="policy/image")
    for node in graph.node:
        node.input[:] = ["policy/image" if name == "input" else name for name in node.input]


def answers(
    policy: OutputPolicy, logits: NDArray[np.float32], images: NDArray[np.uint8] | None = None
) -> NDArray[np.float32]:
    """What the served graph answers where the model's logits are these, by the same operators.

    Args:
        policy: fitted.
        logits: ``(n, classes)``.
        images: uint8 ``(n, side, side)``, for a policy that reads them.
    """
    import onnxruntime

    if policy.row.tells_logits:
        return logits
    inputs: dict[str, NDArray[Any]] = {"logits": logits}
    declared = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", policy.classes])]
    if policy.row.reads_image:
        assert images is not None
        inputs["policy/bytes"] = images[..., None]
        declared.append(
            helper.make_tensor_value_info("policy/bytes", TensorProto.UINT8, ["batch", *images.shape[1:], 1])
        )
    operators = Operators()
    policy.answer(operators)
    graph = helper.make_graph(
        operators.nodes,
        "policy",
        declared,
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", policy.classes])],
        [numpy_helper.from_array(value, name) for name, value in operators.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    parts = [
        session.run(["output"], {name: value[first : first + CHUNK] for name, value in inputs.items()})[0]
        for first in range(0, len(logits), CHUNK)
    ]
    return np.concatenate(parts)
