"""Static int8 quantization of a serving graph."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from mnist_etc.export.config import InputType
from mnist_etc.export.serving_graph import as_input

__all__ = ["quantize"]

BATCH = 256
OPERATORS = ["Conv", "Gemm", "MatMul", "MaxPool", "Relu", "Reshape", "Flatten"]
INPUT_TYPES = {TensorProto.FLOAT: InputType.float32, TensorProto.UINT8: InputType.uint8}
PREPARED = {"onnx.quant.pre_process": "onnxruntime.quant"}
"""What ONNX Runtime's own preparation would leave, so that nobody is told to run it on a graph that needs none."""


def quantize(model: onnx.ModelProto, calibration: NDArray[np.uint8]) -> onnx.ModelProto:
    """Quantize the convolutions and linear layers of a serving graph to int8, as quantize-dequantize pairs (QDQ).

    Weights are int8 by filter, in [-64, 64]; activations uint8 by the least and greatest value that ``calibration``
    shows. Processors with AVX2 but without VNNI add pairs of products in 16 bits: 2 * 255 * 64 still fits, so the graph
    answers the same everywhere, where weights of up to 127 would be cut off.

    Args:
        model: A serving graph of either input type; it is left as it is.
        calibration: Training images, uint8 ``(n, side, side)``; the same ones give the same graph.

    Returns:
        A new graph with the input, the output and the metadata of ``model``.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    ours = onnx.ModelProto.FromString(model.SerializeToString())
    onnx.helper.set_model_props(ours, PREPARED)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        quantize_static(
            ours,
            path,
            _reader(model, calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=OPERATORS,
            nodes_to_exclude=_stacked(ours),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,
        )
        quantized = onnx.load(path)
    if model.metadata_props:
        onnx.helper.set_model_props(quantized, {entry.key: entry.value for entry in model.metadata_props})
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


def _stacked(model: onnx.ModelProto) -> list[str]:
    """Products with a stack of matrices, one for each capsule: ONNX Runtime has none with scales of their columns."""
    sizes = {tensor.name: len(tensor.dims) for tensor in model.graph.initializer}
    nodes = model.graph.node
    return [one.name for one in nodes if one.op_type == "MatMul" and max(sizes.get(name, 0) for name in one.input) > 2]


def _reader(model: onnx.ModelProto, images: NDArray[np.uint8]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    batches = (images[first : first + BATCH] for first in range(0, len(images), BATCH))
    input_type = INPUT_TYPES[model.graph.input[0].type.tensor_type.elem_type]

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, NDArray[Any]] | None:
            batch = next(batches, None)
            return None if batch is None else {"input": as_input(batch, input_type)}

    return Reader()
