"""The export refuses a file that does not answer as its model, and writes one graph as one file."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import ROOT, environment

from mnist_etc.errors import ExportError


def test_a_difference_is_refused(tmp_path: Path) -> None:
    """A layer that answers otherwise on every call: what the ONNX file holds cannot agree with Keras."""
    import keras

    from mnist_etc.export.onnx import write_onnx

    class Drifting(keras.layers.Layer):  # type: ignore[misc]
        calls = 0

        def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
            self.calls += 1
            return inputs + 1.0 * self.calls

    model = keras.Sequential([keras.layers.Input((3,)), Drifting()])
    for size in (0, 5e4):  # at which rounding may be worth a half
        with pytest.raises(ExportError, match="batch 1; received a difference of 1"):
            write_onnx(model, tmp_path / "model.onnx", np.full((64, 3), size, np.float32))


def test_large_answers_may_differ_by_their_rounding(tmp_path: Path) -> None:
    """Those of a private head are in the hundreds, where the order of a sum alone is worth 1e-4."""
    import keras
    import onnxruntime

    from mnist_etc.export.onnx import write_onnx

    model = keras.Sequential([keras.layers.Input((1024,)), keras.layers.Dense(256), keras.layers.Dense(2)])
    model.set_weights([1e3 * weights for weights in model.get_weights()])
    examples = np.random.default_rng(0).standard_normal((64, 1024)).astype(np.float32)
    write_onnx(model, tmp_path / "model.onnx", examples)
    (answer,) = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"input": examples})
    assert np.abs(answer - np.asarray(model(examples))).max() > 1e-4


def test_names_opset_and_free_batch(tmp_path: Path) -> None:
    import keras
    import onnx

    from mnist_etc.export.onnx import write_onnx

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    write_onnx(model, tmp_path / "model.onnx", np.random.default_rng(0).random((64, 3), dtype=np.float32))
    proto = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(proto, full_check=True)
    assert [value.name for value in proto.graph.input] == ["input"]
    assert [value.name for value in proto.graph.output] == ["output"]
    assert {entry.domain: entry.version for entry in proto.opset_import}[""] == 18
    assert not proto.graph.input[0].type.tensor_type.shape.dim[0].HasField("dim_value")


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    """Twice in this process, and in another one that built other networks before and hashes otherwise."""
    import onnx
    from export.same_bytes import export

    written = [export(tmp_path / f"{history}.onnx", history=history) for history in (0, 3)]
    subprocess.run(
        [sys.executable, "-m", "export.same_bytes", str(tmp_path / "other.onnx")],
        env=environment({"PYTHONHASHSEED": "7", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}),
        check=True,
        capture_output=True,
    )
    assert {*written, (tmp_path / "other.onnx").read_bytes()} == {written[0]}
    stated = {entry.key: entry.value for entry in onnx.load_from_string(written[0]).metadata_props}
    assert list(stated) == ["classes", "epsilon", "git_commit", "weights_sha256"]
    assert (json.loads(stated["classes"]), stated["epsilon"]) == (["a", "b", "c"], "2.5")
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|null", stated["git_commit"])


def test_the_digest_is_of_the_weights_alone() -> None:
    import keras

    from mnist_etc.export.metadata import weights_sha256

    def network(name: str) -> keras.Model:
        return keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, name=name)])

    first, second = network("a"), network("b")
    values = [np.array([[1.0], [-2.0]], np.float32), np.array([0.5], np.float32)]
    for model in (first, second):
        model.set_weights(values)
    by_hand = hashlib.sha256(
        b"float32(2, 1)" + struct.pack("<2f", 1, -2) + b"float32(1,)" + struct.pack("<f", 0.5)
    ).hexdigest()
    assert weights_sha256(first) == weights_sha256(second) == by_hand
    second.set_weights([values[0], values[1] + 1e-6])
    assert weights_sha256(second) != by_hand


def test_names_and_orders_follow_from_the_graph_alone() -> None:
    """A diamond with a constant used twice and a node that nobody needs, its parts named and ordered otherwise."""
    from onnx import GraphProto, ModelProto, TensorProto, checker, helper

    from mnist_etc.export.canonical import canonical

    def model(tag: str, *, turned: bool) -> ModelProto:
        nodes = [
            helper.make_node("Relu", ["input"], [f"{tag}left"], f"{tag}1"),
            helper.make_node("Mul", ["input", f"{tag}two"], [f"{tag}right"], f"{tag}2"),
            helper.make_node("Neg", ["input"], [f"{tag}unneeded"], f"{tag}3"),
            helper.make_node("Add", [f"{tag}left", f"{tag}right"], [f"{tag}sum"], f"{tag}4"),
            helper.make_node("Mul", [f"{tag}sum", f"{tag}two"], ["output"], f"{tag}5"),
        ]
        if turned:
            nodes[0], nodes[1], nodes[2] = nodes[2], nodes[1], nodes[0]
        two = helper.make_tensor(f"{tag}two", TensorProto.FLOAT, [1], [2.0])
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"{tag}n", 3]) for name in ("input", "output")]
        return helper.make_model(helper.make_graph(nodes, tag, ends[:1], ends[1:], [two]), producer_name="somebody")

    first, second = canonical(model("a", turned=False), "net"), canonical(model("zz_", turned=True), "net")
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
    checker.check_model(first, full_check=True)
    graph: GraphProto = first.graph
    assert [node.name for node in graph.node] == ["Relu_0", "Mul_0", "Add_0", "Mul_1"]
    assert [list(node.input) for node in graph.node][1:] == [
        ["input", "Mul_0:constant_1"],
        ["Relu_0:0", "Mul_0:0"],
        ["Add_0:0", "Mul_0:constant_1"],
    ]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_shapes_are_folded_whatever_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tf2onnx's first pass over the nodes, which depends on hashes, at its worst: it folds no shape."""
    import keras
    import onnx
    from tf2onnx import optimizer

    from mnist_etc.export.onnx import write_onnx

    whole, first = optimizer.optimize_graph, [True]

    def stopped_early(graph: object, catch_errors: bool = True, optimizers: object = None) -> object:
        if first and first.pop():
            optimizers = {name: each for name, each in optimizer._optimizers.items() if name != "reshape_optimizer"}
        return whole(graph, catch_errors, optimizers=optimizers)

    monkeypatch.setattr(optimizer, "optimize_graph", stopped_early)
    model = keras.Sequential([keras.layers.Input((4, 4, 1)), keras.layers.Conv2D(3, 4), keras.layers.Flatten()])
    write_onnx(model, tmp_path / "model.onnx", np.random.default_rng(0).random((64, 4, 4, 1), dtype=np.float32))
    assert not first
    assert "Shape" not in [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]


def test_equal_constants_are_one_and_a_loop_is_refused() -> None:
    """tf2onnx joins equal constants by the order of hashes, or leaves them, or makes nodes of them."""
    from onnx import ModelProto, TensorProto, helper

    from mnist_etc.export.canonical import canonical

    def two(name: str) -> TensorProto:
        return helper.make_tensor(name, TensorProto.FLOAT, [1], [2.0])

    def model(nodes: list[object], constants: list[TensorProto]) -> ModelProto:
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("input", "output")]
        return helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], constants))

    last = helper.make_node("Mul", ["doubled", "b"], ["output"])
    apart = [helper.make_node("Mul", ["input", "a"], ["doubled"]), last]
    as_node = [helper.make_node("Constant", [], ["a"], "counted_7", value=two("counted_8")), *apart]
    files = {
        canonical(each, "g").SerializeToString(deterministic=True)
        for each in (model(apart, [two("a"), two("b")]), model(as_node, [two("b")]))
    }
    assert len(files) == 1
    branch = helper.make_graph([helper.make_node("Identity", ["input"], ["x"])], "branch", [], [])
    with pytest.raises(ExportError, match="neither branches nor loops; received one in 'then_branch'"):
        canonical(model([helper.make_node("If", ["input"], ["output"], then_branch=branch)], []), "g")
