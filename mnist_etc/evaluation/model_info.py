"""What a full model is made of, read from its files: neither TensorFlow nor the training is needed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["count_weights", "model_info", "multiply_adds"]


def model_info(h5: Path, onnx: Path, *, model: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a full model as plain JSON types.

    Args:
        h5: its weights, as `mnist_etc.models.h5.write_h5` wrote them.
        onnx: the same as ONNX.
        model: what it is called.
        manifest: of both.

    Returns:
        ``model``, ``hyperparameters`` (the configuration that decided the weights), ``weights`` (numbers),
        ``multiply_adds`` of one image in convolutions and dense layers, ``layers`` (``name``, ``type``, ``weights``),
        ``input`` and ``output`` (shapes of one image), ``bytes`` of each file, ``metadata`` of the ONNX file,
        ``versions``.
    """
    import onnx as library

    proto = library.load(onnx)
    layers = _layers(h5)
    ends = {
        end: [axis.dim_value for axis in values[0].type.tensor_type.shape.dim[1:]]
        for end, values in (("input", proto.graph.input), ("output", proto.graph.output))
    }
    return {
        "model": model,
        "hyperparameters": dict(manifest["configuration"]),
        "weights": count_weights(h5),
        "multiply_adds": multiply_adds(proto),
        "layers": layers,
        **ends,
        "bytes": {path.name: path.stat().st_size for path in (h5, onnx)},
        "metadata": {entry.key: entry.value for entry in proto.metadata_props if entry.key != "classes"},
        "versions": dict(manifest["versions"]),
    }


def count_weights(h5: Path) -> int:
    """The numbers that a model consists of, those of batch normalization's statistics included."""
    return sum(_weights(h5).values())


def multiply_adds(model: Any) -> int | None:
    """Of one image, in convolutions and matrix products; None where a shape cannot be inferred.

    Args:
        model: an ``onnx.ModelProto``.
    """
    import onnx

    single = onnx.ModelProto()
    single.CopyFrom(model)
    for value in (*single.graph.input, *single.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(single, data_prop=True).graph
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = [axis.dim_value or 1 for axis in value.type.tensor_type.shape.dim]
    total = 0
    for node in graph.node:
        if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            continue
        if any(name not in shapes for name in (*node.input[:2], node.output[0])):
            return None
        first, second, made = (shapes[name] for name in (*node.input[:2], node.output[0]))
        each = {"Conv": second[1:], "ConvTranspose": second[1:], "Gemm": first[1:], "MatMul": first[-1:]}[node.op_type]
        total += int(np.prod(first if node.op_type == "ConvTranspose" else made) * np.prod(each))
    return total


def _layers(h5: Path) -> list[dict[str, Any]]:
    """The layers with their types and weights, those of networks within the network in their place."""
    import h5py

    with h5py.File(h5) as file:
        config = json.loads(file.attrs["model_config"])
    kinds = {name: kind for name, kind in _walk(config) if kind != "InputLayer"}
    counts = Counter[str]()
    for path, size in _weights(h5).items():
        owners = [part for part in path.split("/") if part in kinds]
        counts[owners[-1] if owners else ""] += size
    return [{"name": name, "type": kind, "weights": counts[name]} for name, kind in kinds.items()]


def _walk(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    inner = config["config"]
    if "layers" in inner:
        for layer in inner["layers"]:
            yield from _walk(layer)
    else:
        yield inner["name"], config["class_name"].rpartition(">")[2]


def _weights(h5: Path) -> dict[str, int]:
    """Numbers by the place of each weight in the file."""
    import h5py

    sizes: dict[str, int] = {}
    with h5py.File(h5) as file:
        weights = file["model_weights"]
        weights.visititems(lambda name, item: sizes.update({name: item.size} if isinstance(item, h5py.Dataset) else {}))
    return sizes
