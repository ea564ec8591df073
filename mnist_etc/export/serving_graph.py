"""From a published full model to the graph that is served: the same answers, sooner; TensorFlow is never imported.

ONNX Runtime's own optimizer, at the level that keeps to standard operators, folds constants; the passes here follow.
Each takes a pattern it knows and leaves every other graph as it was.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mnist_etc.data.dataset import scale_pixels
from mnist_etc.errors import ExportError
from mnist_etc.export.input_type import InputType

__all__ = ["as_input", "build_serving_graph"]

Array = NDArray[Any]

OPSET = 18
IR_VERSION = 8
"""Of opset 18; ONNX Runtime reads it from 1.14 on."""
BLOCK = 16
"""Channels that ONNX Runtime's convolutions compute at a time where the processor has AVX-512; 8 where it has AVX2."""
WHITE = 255


def build_serving_graph(model: onnx.ModelProto, input_type: InputType) -> onnx.ModelProto:
    """Build the graph to serve, before its output policy.

    Args:
        model: A graph from ``input``, float32 ``(batch, side, side, 1)`` in [0, 1], to ``output``, logits
            ``(batch, classes)``, of opset 18 or less. It is left as it is.
        input_type: Type of the new graph's ``input``; the scaling of uint8 goes into the first convolution's weights
            where there is one.

    Returns:
        A graph from ``input`` ``(batch, side, side, 1)`` to ``output``, the same logits ``(batch, classes)``, with
        the same metadata.

    Raises:
        ExportError: The model's input or output is another, or its opset is newer.
    """
    _check(model)
    graph = _Graph(_optimized(model))
    graph.merge_into_linear()
    graph.pool_phases()
    graph.pad_to_blocks()
    match input_type:
        case InputType.float32:
            return graph.model(TensorProto.FLOAT)
        case InputType.uint8:
            graph.read_bytes()
            return graph.model(TensorProto.UINT8)
        case _:
            assert_never(input_type)


def as_input(images: NDArray[np.uint8], input_type: InputType) -> Array:
    """Turn images, uint8 ``(n, side, side)``, into what a serving graph's ``input`` takes, ``(n, side, side, 1)``."""
    match input_type:
        case InputType.float32:
            return scale_pixels(images)
        case InputType.uint8:
            return images[..., np.newaxis]
        case _:
            assert_never(input_type)


class _Graph:
    """Nodes in order, constants by name, and the shape of each value without its batch."""

    def __init__(self, model: onnx.ModelProto) -> None:
        inferred = onnx.shape_inference.infer_shapes(model).graph
        self.nodes = list(model.graph.node)
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.shapes = {
            value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim[1:]]
            for value in [*inferred.input, *inferred.value_info, *inferred.output]
        }
        self.metadata = {entry.key: entry.value for entry in model.metadata_props}
        domains = {node.domain for node in self.nodes}
        self.opsets = [entry for entry in model.opset_import if entry.domain in domains]

    def model(self, pixel: int) -> onnx.ModelProto:
        """As a checked model whose input is of type ``pixel``; constants that nothing reads are left out."""
        read = {name for node in self.nodes for name in node.input}
        model = helper.make_model(
            helper.make_graph(
                self.nodes,
                "serving",
                [helper.make_tensor_value_info("input", pixel, ["batch", *self.shapes["input"]])],
                [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", *self.shapes["output"]])],
                [numpy_helper.from_array(value, name) for name, value in self.constants.items() if name in read],
            ),
            opset_imports=self.opsets,
            ir_version=IR_VERSION,
            producer_name="mnist_etc",
        )
        helper.set_model_props(model, self.metadata)
        onnx.checker.check_model(model, full_check=True)
        return model

    def merge_into_linear(self) -> None:
        """A convolution over its whole input, then a linear layer: one linear layer over the flat input."""
        for conv in self._convolutions():
            chain = self._chain(conv, "Reshape Flatten", "Gemm MatMul")
            if not chain or not self._covers(conv) or not self._linear(chain[-1]):
                continue
            gemm, flat = chain[-1], f"{conv.output[0]}/flat"
            kernel, bias = self._weights(conv)
            second, second_bias = self._weights(gemm)
            second = second.T if _attributes(gemm).get("transB") else second
            merged = kernel.reshape(len(kernel), -1).T.astype(np.float64) @ second
            weights = self._stored(f"{conv.output[0]}/merged", merged, bias.astype(np.float64) @ second + second_bias)
            self._replace(
                chain,
                helper.make_node("Flatten", conv.input[:1], [flat]),
                helper.make_node("Gemm", [flat, *weights], gemm.output),
            )

    def pool_phases(self) -> None:
        """A convolution of one channel, ReLU, 2x2 pool: the pool's four pixels become channels, then their maximum.

        A stride of 2 with four times the filters fills the block that few filters leave empty.
        """
        for conv in self._convolutions():
            chain = self._chain(conv, "Relu", "MaxPool")
            kernel, bias = self._weights(conv)
            if not chain or kernel.shape[1] != 1 or len(kernel) >= BLOCK or not _by_two(chain[-1]) or _strided(conv):
                continue
            name, pooled_shape = conv.output[0], self.shapes.get(chain[-1].output[0], [0])
            if 0 in pooled_shape:
                continue
            filters, rows, columns = pooled_shape
            weights = self._stored(f"{name}/phases", _phases(kernel), np.repeat(bias, 4))
            self.constants[f"{name}/apart"] = np.array([-1, 1, 4 * filters, rows * columns])
            self.constants[f"{name}/together"] = np.array([-1, filters, rows, columns])
            apart, pooled = f"{name}/in_rows", f"{name}/pooled"
            self._replace(
                chain,
                helper.make_node("Conv", [conv.input[0], *weights], [name], strides=[2, 2]),
                chain[1],
                helper.make_node("Reshape", [chain[1].output[0], f"{name}/apart"], [apart]),
                helper.make_node("MaxPool", [apart], [pooled], kernel_shape=[4, 1], strides=[4, 1]),
                helper.make_node("Reshape", [pooled, f"{name}/together"], chain[-1].output),
            )

    def pad_to_blocks(self) -> None:
        """Filters of zeros up to a whole block before a pool and a convolution: the pool then needs no reordering."""
        for conv in self._convolutions():
            chain = self._chain(conv, "Relu", "MaxPool", "Conv")
            if not chain or not self._plain(chain[-1]):
                continue
            kernel, bias = self._weights(conv)
            following = chain[-1]
            second, second_bias = self._weights(following)
            more = -len(kernel) % BLOCK
            conv.input[1:] = self._stored(
                f"{conv.output[0]}/padded", np.pad(kernel, [(0, more), (0, 0), (0, 0), (0, 0)]), np.pad(bias, (0, more))
            )
            wider = np.pad(second, [(0, 0), (0, more), (0, 0), (0, 0)])
            following.input[1:] = self._stored(f"{following.output[0]}/wider", wider, second_bias)

    def read_bytes(self) -> None:
        """A cast in front; its scale goes into the convolution, or stands behind the cast where none is near."""
        front = [helper.make_node("Cast", ["input"], ["input/float"], to=TensorProto.FLOAT)]
        reader = self._chain(front[0], "Reshape", "Conv", value="input")
        pixels = "input/float" if reader and self._plain(reader[-1]) else "input/scaled"
        for node in self.nodes:
            node.input[:] = [pixels if name == "input" else name for name in node.input]
        if reader and pixels == "input/float":
            kernel, bias = self._weights(reader[-1])
            reader[-1].input[1:] = self._stored(f"{reader[-1].output[0]}/bytes", kernel / WHITE, bias)
        else:
            self.constants["input/white"] = np.array(WHITE, np.float32)
            front.append(helper.make_node("Div", ["input/float", "input/white"], [pixels]))
        self.nodes[:0] = front

    def _convolutions(self) -> list[onnx.NodeProto]:
        return [node for node in self.nodes if node.op_type == "Conv" and self._plain(node)]

    def _chain(self, first: onnx.NodeProto, *operators: str, value: str = "") -> list[onnx.NodeProto]:
        """``first`` and the nodes of these operators after it, each the only reader of the one before; else empty.

        Where one may be of several operators, they are apart by spaces.
        """
        chain, value = [first], value or first.output[0]
        for operator in operators:
            readers = [node for node in self.nodes if value in node.input]
            if len(readers) != 1 or readers[0].op_type not in operator.split() or value == "output":
                return []
            chain.append(readers[0])
            value = readers[0].output[0]
        return chain

    def _replace(self, old: list[onnx.NodeProto], *new: onnx.NodeProto) -> None:
        """Put ``new`` where the last of ``old`` stands."""
        place = self.nodes.index(old[-1])
        before = [node for node in self.nodes[:place] if node not in old]
        self.nodes = [*before, *new, *self.nodes[place + 1 :]]

    def _stored(self, name: str, weights: Array, bias: Array) -> list[str]:
        names = [f"{name}/weights", f"{name}/bias"]
        self.constants |= {name: value.astype(np.float32) for name, value in zip(names, (weights, bias), strict=True)}
        return names

    def _weights(self, node: onnx.NodeProto) -> tuple[Array, Array]:
        weights, *bias = (self.constants[name] for name in node.input[1:])
        outputs = weights.shape[0 if node.op_type == "Conv" or _attributes(node).get("transB") else 1]
        return weights, bias[0] if bias else np.zeros(outputs, np.float32)

    def _constant(self, node: onnx.NodeProto) -> bool:
        return all(name in self.constants for name in node.input[1:])

    def _plain(self, conv: onnx.NodeProto) -> bool:
        """Two-dimensional, with known weights and bias, one group, neither padding nor dilation."""
        has = _attributes(conv)
        return (
            self._constant(conv)
            and self.constants[conv.input[1]].ndim == 4
            and has.get("group", 1) == 1
            and _unpadded(has)
            and set(has.get("dilations", [1])) == {1}
        )

    def _covers(self, conv: onnx.NodeProto) -> bool:
        return self.shapes.get(conv.input[0], [])[1:] == list(self.constants[conv.input[1]].shape[2:])

    def _linear(self, gemm: onnx.NodeProto) -> bool:
        has = _attributes(gemm)
        flat = len(self.shapes.get(gemm.input[0], [])) == 1
        return (
            flat and self._constant(gemm) and not has.get("transA") and has.get("alpha", 1) == has.get("beta", 1) == 1
        )


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _strided(conv: onnx.NodeProto) -> bool:
    return set(_attributes(conv).get("strides", [1])) != {1}


def _by_two(pool: onnx.NodeProto) -> bool:
    has = _attributes(pool)
    return (
        has.get("kernel_shape") == has.get("strides") == [2, 2]
        and _unpadded(has)
        and set(has.get("dilations", [1])) == {1}
        and not has.get("ceil_mode")
    )


def _unpadded(has: dict[str, Any]) -> bool:
    return has.get("auto_pad", b"NOTSET") in {b"NOTSET", b"VALID"} and not any(has.get("pads", []))


def _phases(kernel: Array) -> Array:
    """Filters ``(n, 1, h, w)`` to ``(4 n, 1, h + 1, w + 1)``: each at the four places of a 2x2 pool."""
    places = [(row, column) for row in (0, 1) for column in (0, 1)]
    moved = [np.pad(kernel, [(0, 0), (0, 0), (row, 1 - row), (column, 1 - column)]) for row, column in places]
    return np.asarray(np.stack(moved, axis=1).reshape(-1, *moved[0].shape[1:]))


def _optimized(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(path)


def _check(model: onnx.ModelProto) -> None:
    values = [(value.name, value.type.tensor_type) for value in [*model.graph.input, *model.graph.output]]
    received = [(name, kind.elem_type, [axis.dim_value for axis in kind.shape.dim[1:]]) for name, kind in values]
    opset = max(entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"})
    side, classes = (shape[0] if shape else 0 for _, _, shape in (received[0], received[-1]))
    expected = [("input", TensorProto.FLOAT, [side, side, 1]), ("output", TensorProto.FLOAT, [classes])]
    if received != expected or side < 1 or classes <= 1 or opset > OPSET:
        raise ExportError(
            f"Expected float32 input (batch, side, side, 1), output (batch, classes) and opset {OPSET} or less; "
            f"received {received} and opset {opset}. Pass a full model that train.py wrote."
        )
