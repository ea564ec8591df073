"""One graph, one file: names and orders that follow from the graph alone.

tf2onnx counts node names up over the life of a process and visits nodes in the order of hashes.
"""

from __future__ import annotations

from collections import Counter

import onnx
from onnx import AttributeProto, numpy_helper

from mnist_etc.errors import ExportError

__all__ = ["canonical"]


def canonical(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Put the nodes of ``model`` in the order in which the outputs need them, and name everything by that order.

    A node is called by its operator and its number among those, a tensor between nodes after the node it comes from, a
    constant after the node that takes it first and its place there. Inputs and outputs of the model keep their names.
    Constants of the same values are one.

    Args:
        model: One graph without subgraphs; a node that no output needs is left out.
        name: Name of the new graph.

    Returns:
        A new model that answers as ``model`` does.

    Raises:
        ExportError: A node holds a graph of its own.
    """
    graph = model.graph
    constants, computed = _constants(graph)
    nodes = _in_order_of_need(graph, computed)
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    known: dict[tuple[object, ...], str] = {}
    found, made, count = [], [], Counter[str]()
    for node in nodes:
        node_name = f"{node.op_type}_{count[node.op_type]}"
        count[node.op_type] += 1
        for place, tensor in enumerate(node.input):
            if tensor in constants and tensor not in names:
                content = _content(constants[tensor])
                if content not in known:
                    known[content] = f"{node_name}:constant_{place}"
                    found.append(_renamed(constants[tensor], known[content]))
                names[tensor] = known[content]
        for place, tensor in enumerate(node.output):
            names.setdefault(tensor, f"{node_name}:{place}")
        inputs, outputs = ([names[tensor] for tensor in side] for side in (node.input, node.output))
        copy = onnx.NodeProto(op_type=node.op_type, domain=node.domain, name=node_name, input=inputs, output=outputs)
        copy.attribute.extend(sorted(map(_attribute, node.attribute), key=lambda attribute: attribute.name))
        made.append(copy)
    ends = [[_with_named_sizes(value) for value in side] for side in (graph.input, graph.output)]
    ordered = onnx.helper.make_graph(made, name, *ends, found)
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    return onnx.helper.make_model(
        ordered, opset_imports=opsets, ir_version=model.ir_version, producer_name=model.producer_name
    )


def _constants(graph: onnx.GraphProto) -> tuple[dict[str, onnx.TensorProto], list[onnx.NodeProto]]:
    """The constants by name, those that are nodes included, and the other nodes."""
    constants, computed = {tensor.name: tensor for tensor in graph.initializer}, []
    for node in graph.node:
        values = [attribute.t for attribute in node.attribute if attribute.name == "value"]
        if node.op_type == "Constant" and values:
            constants[node.output[0]] = values[0]
        else:
            computed.append(node)
    return constants, computed


def _in_order_of_need(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes depth first from the outputs, each after those that it takes something from."""
    source = {output: node for node in nodes for output in node.output}
    ordered: list[onnx.NodeProto] = []
    done: set[str] = set()
    waiting = [(value.name, False) for value in reversed(graph.output)]
    while waiting:
        tensor, inputs_done = waiting.pop()
        if tensor in done or tensor not in source:
            continue
        node = source[tensor]
        if inputs_done:
            ordered.append(node)
            done.update(node.output)
        else:
            waiting.append((tensor, True))
            waiting += [(taken, False) for taken in reversed(node.input)]
    return ordered


def _attribute(attribute: onnx.AttributeProto) -> onnx.AttributeProto:
    """Without the name of a tensor in it, which counts up too."""
    if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
        raise ExportError(
            f"Expected a graph that neither branches nor loops; received one in {attribute.name!r} of a node. "
            "Write the loop out in the model."
        )
    copy = onnx.AttributeProto()
    copy.CopyFrom(attribute)
    if attribute.type == AttributeProto.TENSOR:
        copy.t.CopyFrom(_renamed(attribute.t, ""))
    return copy


def _content(tensor: onnx.TensorProto) -> tuple[object, ...]:
    return tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes()


def _with_named_sizes(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    """A free size is called ``batch`` where it is the first one."""
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(value)
    for place, size in enumerate(copy.type.tensor_type.shape.dim):
        if size.dim_param:
            size.dim_param = f"{value.name}_{place}" if place else "batch"
    return copy


def _renamed(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    """As raw bytes: a tensor can hold the same values in several fields."""
    return numpy_helper.from_array(numpy_helper.to_array(tensor), name or None)
