"""FP16 in the graph: weights and arithmetic up to the last matrix product; inputs, outputs and normalisation in FP32.

TensorRT 11 and RTX compute in the types that the ONNX graph names, nothing else.
"""

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
    conversion = _Conversion(model.graph)
    for node in model.graph.node:
        conversion.add(node)
    conversion.finish()
    return model


class _Conversion:
    """Writes a graph's nodes anew, with a Cast wherever a value crosses from one precision to the other."""

    def __init__(self, graph: GraphProto) -> None:
        self._graph, self._floats = graph, _floats(graph)
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._in_half = {name for node in _before_products(graph) for name in node.output}
        self._nodes: list[NodeProto] = []
        self._half_weights: list[TensorProto] = []
        self._casts: dict[str, str] = {}

    def add(self, node: NodeProto) -> None:
        copy = NodeProto()
        copy.CopyFrom(node)
        half = node.output[0] in self._in_half
        for index, name in enumerate(node.input):
            crosses = name in self._floats and (name in self._in_half) != half and node.op_type != "Cast"
            if crosses and not (half and index in ALWAYS_FLOAT.get(node.op_type, ())):
                copy.input[index] = self._cast(name, TensorProto.FLOAT16 if half else TensorProto.FLOAT)
        if half:
            _retype(copy)
        self._nodes.append(copy)

    def finish(self) -> None:
        """Puts the nodes into the graph; an output that is FP16 now is cast back under its name."""
        graph = self._graph
        for port in graph.output:
            if port.name in self._in_half and port.name in self._floats:
                half = f"{port.name}.half"
                for node in self._nodes:
                    _rename(node, port.name, half)
                self._nodes.append(helper.make_node("Cast", [half], [port.name], to=TensorProto.FLOAT))
        used = {name for node in self._nodes for name in node.input}
        replace(graph.node, self._nodes)
        replace(graph.initializer, [*(t for t in graph.initializer if t.name in used), *self._half_weights])
        graph.ClearField("value_info")

    def _cast(self, name: str, kind: int) -> str:
        """Returns the name of a value in the other precision; a weight is rounded here, any other value by a Cast."""
        if name not in self._casts:
            cast = self._casts[name] = f"{name}.{'half' if kind == TensorProto.FLOAT16 else 'float'}"
            if name in self._weights:
                rounded = numpy_helper.to_array(self._weights[name]).astype(np.float16)
                self._half_weights.append(numpy_helper.from_array(rounded, cast))
            else:
                self._nodes.append(helper.make_node("Cast", [name], [cast], to=kind))
        return self._casts[name]


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


def _retype(node: NodeProto) -> None:
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16
        if attribute.type == AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(attribute.t).astype(np.float16)
            attribute.t.CopyFrom(numpy_helper.from_array(array, attribute.t.name))


def _rename(node: NodeProto, old: str, new: str) -> None:
    for names in (node.input, node.output):
        for index, name in enumerate(names):
            if name == old:
                names[index] = new
