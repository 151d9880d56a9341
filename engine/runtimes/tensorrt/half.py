"""FP16 in the graph: weights and arithmetic up to the last matrix product; inputs, outputs and normalisation in FP32.

TensorRT 11 and RTX compute in the types that the ONNX graph names, nothing else.
"""

from collections.abc import Iterable

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference

from engine.runtimes.tensorrt.simplify import replace, simplified

PRODUCTS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
ALWAYS_FLOAT = {"Resize": (1, 2)}
"""Inputs that ONNX wants in FP32 whatever the type of the picture: region and scales."""


def to_half(model: ModelProto) -> ModelProto:
    """Returns the same network in FP16, with the same inputs and outputs.

    Args:
        model: FP32, of nodes without subgraphs; weights may be stored in FP16 behind a Cast.
    """
    model = shape_inference.infer_shapes(simplified(model))
    graph = model.graph
    floats = _floats(graph)
    half = _before_products(graph)
    converted = GraphProto()
    casts: dict[tuple[str, int], str] = {}
    made_half = {name for node in half for name in node.output if name in floats}
    weights = {tensor.name: tensor for tensor in graph.initializer}

    def cast(name: str, kind: int) -> str:
        """Returns the name of a value in another type, with a Cast where there is none yet."""
        if (name, kind) not in casts:
            casts[name, kind] = f"{name}.{'half' if kind == TensorProto.FLOAT16 else 'float'}"
            if name in weights:
                array = numpy_helper.to_array(weights[name]).astype(np.float16)
                converted.initializer.append(numpy_helper.from_array(array, casts[name, kind]))
            else:
                converted.node.append(helper.make_node("Cast", [name], [casts[name, kind]], to=kind))
        return casts[name, kind]

    for node in graph.node:
        copy = NodeProto()
        copy.CopyFrom(node)
        in_half = _listed(node, half)
        for index, name in enumerate(node.input):
            if name not in floats or index in ALWAYS_FLOAT.get(node.op_type, ()):
                continue
            if in_half and name not in made_half and node.op_type != "Cast":
                copy.input[index] = cast(name, TensorProto.FLOAT16)
            elif not in_half and name in made_half and node.op_type != "Cast":
                copy.input[index] = cast(name, TensorProto.FLOAT)
        if in_half:
            _retype(copy)
        converted.node.append(copy)
    _finish(graph, converted, made_half)
    return model


def _floats(graph: GraphProto) -> set[str]:
    """Returns the names of every FP32 value."""
    typed = [*graph.value_info, *graph.input, *graph.output]
    return {value.name for value in typed if value.type.tensor_type.elem_type == TensorProto.FLOAT} | {
        tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT
    }


def _before_products(graph: GraphProto) -> list[NodeProto]:
    """Returns the nodes whose results a matrix product uses, and the products."""
    wanted: set[str] = set()
    found = []
    for node in reversed(graph.node):
        if node.op_type in PRODUCTS or wanted.intersection(node.output):
            wanted.update(node.input)
            found.append(node)
    return found


def _listed(node: NodeProto, nodes: Iterable[NodeProto]) -> bool:
    return any(node.output[0] == other.output[0] for other in nodes)


def _retype(node: NodeProto) -> None:
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16
        if attribute.type == AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(attribute.t).astype(np.float16)
            attribute.t.CopyFrom(numpy_helper.from_array(array, attribute.t.name))


def _finish(graph: GraphProto, converted: GraphProto, made_half: set[str]) -> None:
    """Puts the converted nodes into the graph; an output that is FP16 now is cast back under its name."""
    for port in graph.output:
        if port.name in made_half:
            for node in converted.node:
                _rename(node, port.name, f"{port.name}.half")
            converted.node.append(helper.make_node("Cast", [f"{port.name}.half"], [port.name], to=TensorProto.FLOAT))
    used = {name for node in converted.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    replace(graph.node, list(converted.node))
    replace(graph.initializer, kept + list(converted.initializer))
    graph.ClearField("value_info")


def _rename(node: NodeProto, old: str, new: str) -> None:
    for names in (node.input, node.output):
        for index, name in enumerate(names):
            if name == old:
                names[index] = new
