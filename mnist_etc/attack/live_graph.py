"""A published model, output policies and attacks in one ONNX graph: from an image to what each answer gives away."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mnist_etc.attack.live import ABOUT, output_names
from mnist_etc.attack.live_parts import LivePart
from mnist_etc.errors import ArtifactError
from mnist_etc.policy.graph import IR_VERSION, OPSET
from mnist_etc.policy.operators import Operators
from mnist_etc.policy.output_policy import OutputPolicy
from mnist_etc.policy.specification import format_policy

__all__ = ["Attacked", "assemble", "attack_alone"]

LOGITS = "logits"


@dataclass(frozen=True, eq=False, kw_only=True)
class Attacked:
    """A policy and the attacks on its answers."""

    policy: OutputPolicy
    parts: Mapping[str, LivePart]
    """By their rows in ATTACKS."""

    @property
    def text(self) -> str:
        """As `mnist_etc.policy.specification.parse_policy` reads it."""
        return format_policy(self.policy.config)


def attack_alone(rows: Sequence[Attacked], side: int) -> onnx.ModelProto:
    """A graph from ``logits`` ``(batch, classes)`` to each policy's answers and images; see `output_names`."""
    given = helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["batch", rows[0].policy.classes])
    return _model([], [given], [], rows, side, [helper.make_opsetid("", OPSET)], {})


def assemble(model: onnx.ModelProto, rows: Sequence[Attacked], side: int, about: Mapping[str, Any]) -> onnx.ModelProto:
    """The same from the input of ``model``, a published graph whose own policy is left out; ``logits`` comes out, too.

    Args:
        model: from ``input`` to ``output``; behind a policy its logits are called ``logits``.
        rows: what to add behind the logits.
        side: pixels of an image's side.
        about: what the file states of itself.

    Raises:
        ArtifactError: there are no logits in ``model``, or its opset is another.
    """
    graph = model.graph
    inside = {name for node in graph.node for name in node.output}
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
    if LOGITS not in inside:
        for node in nodes:
            node.output[:] = [LOGITS if name == "output" else name for name in node.output]
            node.input[:] = [LOGITS if name == "output" else name for name in node.input]
    opset = [entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}]
    if opset != [OPSET] or not inside & {LOGITS, "output"}:
        raise ArtifactError(
            f"Expected a model of opset {OPSET} with logits; received opset {opset}. Publish it again: "
            "python -m mnist_etc.export"
        )
    needed, kept = {LOGITS}, []
    for node in reversed(nodes):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    constants = [one for one in graph.initializer if one.name in needed]
    return _model(kept[::-1], [graph.input[0]], constants, rows, side, model.opset_import, about)


def _model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    constants: Sequence[onnx.TensorProto],
    rows: Sequence[Attacked],
    side: int,
    opsets: Sequence[onnx.OperatorSetIdProto],
    about: Mapping[str, Any],
) -> onnx.ModelProto:
    every, values, told = [*nodes], [*constants], []
    for row in rows:
        added, answer, images = _added(row, side)
        every += added.nodes
        values += [numpy_helper.from_array(value, name) for name, value in added.constants.items()]
        told.append(helper.make_tensor_value_info(answer, TensorProto.FLOAT, ["batch", row.policy.classes]))
        told += [helper.make_tensor_value_info(one, TensorProto.FLOAT, ["batch", side, side]) for one in images]
    model = helper.make_model(
        helper.make_graph(every, "attack", inputs, told, values),
        opset_imports=opsets,
        ir_version=IR_VERSION,
        producer_name="mnist_etc",
    )
    helper.set_model_props(model, {ABOUT: json.dumps(about, sort_keys=True)} if about else {})
    onnx.checker.check_model(model, full_check=True)
    return model


def _added(row: Attacked, side: int) -> tuple[Operators, str, list[str]]:
    """Operators behind ``logits`` under names of their own, with those of the answers and of the images."""
    operators, policy = Operators(), row.policy
    policy.answer(operators)
    scores = "output"
    if not policy.row.tells_logits:
        scores = operators.add("Log", operators.add("Max", "output", operators.constant(policy.least, np.float32)))
    shape, names = operators.constant([-1, side, side], np.int64), {"output": output_names(row.text)[0]}
    for attack, part in row.parts.items():
        images = operators.add("Reshape", part.add(operators, "output", scores), shape)
        names[images] = output_names(row.text, attack)[1]

    def renamed(name: str) -> str:
        return name if name == LOGITS else names.get(name, f"{row.text}/{name}")

    for node in operators.nodes:
        node.input[:], node.output[:] = map(renamed, node.input), map(renamed, node.output)
    operators.constants = {renamed(name): value for name, value in operators.constants.items()}
    return operators, names["output"], [name for key, name in names.items() if key != "output"]
