"""Takes out of an ONNX graph what exporters put in and no compiler needs."""

from typing import Any

from onnx import ModelProto, NodeProto, helper, numpy_helper

BROADCASTING = {"Add", "Sub", "Mul", "Div"}


def simplified(model: ModelProto) -> ModelProto:
    """Returns the same function with every constant as a plain weight, and without broadcasting what broadcasts."""
    simpler = ModelProto()
    simpler.CopyFrom(model)
    graph = simpler.graph
    _fold_constants(graph)
    _skip_expands(graph)
    used = {port.name for port in graph.output}
    kept = []
    for node in reversed(graph.node):
        if used.intersection(node.output):
            used.update(node.input)
            kept.append(node)
    replace(graph.node, kept[::-1])
    replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in used])
    return simpler


def replace(field: Any, values: list[Any]) -> None:
    """Puts other messages into a repeated field."""
    copies = list(values)
    del field[:]
    field.extend(copies)


def _fold_constants(graph: Any) -> None:
    """Makes weights of Constant nodes, and of weights that are cast or renamed when they are used."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            array = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Identity" and node.input[0] in weights:
            array = numpy_helper.to_array(weights[node.input[0]])
        elif node.op_type == "Cast" and node.input[0] in weights:
            kind = helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
            array = numpy_helper.to_array(weights[node.input[0]]).astype(kind)
        else:
            kept.append(node)
            continue
        weights[node.output[0]] = numpy_helper.from_array(array, node.output[0])
    replace(graph.node, kept)
    replace(graph.initializer, list(weights.values()))


def _skip_expands(graph: Any) -> None:
    """Reads x where x, expanded to the shape of y, is combined with y: that broadcasts by itself.

    TensorRT computes the shape in a dozen layers, and the expansion in one that nothing is fused with.
    """
    makers: dict[str, NodeProto] = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type not in BROADCASTING:
            continue
        for index, name in enumerate(node.input):
            expand = makers.get(name)
            if expand is None or expand.op_type != "Expand":
                continue
            shape = makers.get(expand.input[1])
            if shape is not None and shape.op_type == "Shape" and shape.input[0] == node.input[1 - index]:
                node.input[index] = expand.input[0]
