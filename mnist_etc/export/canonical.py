"""One graph, one file: names and orders that follow from the graph alone.

tf2onnx counts node names up over the life of a process and visits nodes in the order of hashes.
"""

from __future__ import annotations

from collections import Counter

import onnx

__all__ = ["canonical"]


def canonical(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Put the nodes of ``model`` in the order in which the outputs need them, and name everything by that order.

    A node is called by its operator and its number among those, a tensor between nodes after the node it comes from, a
    constant after the node that takes it first and its place there. Inputs and outputs of the model keep their names.

    Args:
        model: One graph without subgraphs; a node that no output needs is left out.
        name: Name of the new graph.

    Returns:
        A new model that answers as ``model`` does.
    """
    graph = model.graph
    nodes = _in_order_of_need(graph)
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    found, made, count = [], [], Counter[str]()
    for node in nodes:
        node_name = f"{node.op_type}_{count[node.op_type]}"
        count[node.op_type] += 1
        for place, tensor in enumerate(node.input):
            if tensor in constants and tensor not in names:
                names[tensor] = f"{node_name}:constant_{place}"
                found.append(_renamed(constants[tensor], names[tensor]))
        for place, tensor in enumerate(node.output):
            names.setdefault(tensor, f"{node_name}:{place}")
        inputs, outputs = ([names[tensor] for tensor in side] for side in (node.input, node.output))
        copy = onnx.NodeProto(op_type=node.op_type, domain=node.domain, name=node_name, input=inputs, output=outputs)
        copy.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
        made.append(copy)
    ends = [[_with_named_sizes(value) for value in side] for side in (graph.input, graph.output)]
    ordered = onnx.helper.make_graph(made, name, *ends, found)
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    return onnx.helper.make_model(
        ordered, opset_imports=opsets, ir_version=model.ir_version, producer_name=model.producer_name
    )


def _in_order_of_need(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes depth first from the outputs, each after those that it takes something from."""
    source = {output: node for node in graph.node for output in node.output}
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


def _with_named_sizes(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    """A free size is called ``batch`` where it is the first one."""
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(value)
    for place, size in enumerate(copy.type.tensor_type.shape.dim):
        if size.dim_param:
            size.dim_param = f"{value.name}_{place}" if place else "batch"
    return copy


def _renamed(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.name, copy.doc_string = name, ""
    return copy
