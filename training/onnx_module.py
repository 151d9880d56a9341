"""An ONNX graph as a PyTorch module, so that a teacher runs wherever its student trains, a GPU included."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from training.recipe import TrainingError

KINDS = {"Conv", "Add", "Relu", "Clip", "MaxPool", "Resize", "Reshape", "Flatten"}


class OnnxModule(nn.Module):
    """What small convolutional networks are made of (`KINDS`). Resize doubles the side, Reshape gives (N, D).

    Args:
        path: of the ONNX file; one input (N, C, H, W).
        outputs: names of the values to give, anywhere in the graph; what none of them needs is left out.

    Raises:
        TrainingError: the file cannot be read, or has a node of another kind.
    """

    def __init__(self, path: Path, outputs: Sequence[str]) -> None:
        super().__init__()
        try:
            graph = onnx.load(path).graph
        except OSError as error:
            raise TrainingError(f"{path}: cannot be read ({error.strerror}). Put the teacher there") from error
        constants = {
            node.output[0]: numpy_helper.to_array(node.attribute[0].t)
            for node in graph.node
            if node.op_type == "Constant"
        }
        constants |= {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._input, self._outputs = graph.input[0].name, tuple(outputs)
        self._nodes = _needed(graph, self._outputs)
        if unknown := {node.op_type for node in self._nodes} - KINDS:
            raise TrainingError(f"{path}: has nodes of {', '.join(sorted(unknown))}. Use another teacher")
        self._limits = {
            node.output[0]: tuple(float(constants[limit]) for limit in node.input[1:])
            for node in self._nodes
            if node.op_type == "Clip"
        }
        self._convolutions = nn.ModuleDict(
            {_key(node): _convolution(node, constants) for node in self._nodes if node.op_type == "Conv"}
        )
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Returns the outputs asked for."""
        values = {self._input: x}
        for node in self._nodes:
            first = values[node.input[0]]
            match node.op_type:
                case "Conv":
                    out = self._convolutions[_key(node)](first)
                case "Add":
                    out = first + values[node.input[1]]
                case "Relu":
                    out = functional.relu(first)
                case "Clip":
                    out = first.clamp(*self._limits[node.output[0]])
                case "MaxPool":
                    out = functional.max_pool2d(first, 2)
                case "Resize":
                    out = functional.interpolate(first, scale_factor=2.0, mode="nearest")
                case _:
                    out = first.flatten(1)
            values[node.output[0]] = out
        return [values[name] for name in self._outputs]


def _needed(graph: onnx.GraphProto, outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """Returns the nodes between the graph's input and the outputs, in order."""
    wanted, nodes = set(outputs), []
    for node in reversed(graph.node):
        if wanted.intersection(node.output) and node.op_type != "Constant":
            nodes.append(node)
            # Further inputs of a Resize or a Reshape say how large, and come of nodes of their own.
            wanted.update(node.input[:1] if node.op_type in {"Resize", "Reshape", "Flatten"} else node.input)
    return nodes[::-1]


def _key(node: onnx.NodeProto) -> str:
    return node.output[0].replace(".", "_")


def _convolution(node: onnx.NodeProto, constants: dict[str, NDArray[np.float32]]) -> nn.Conv2d:
    options = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    weight, *bias = (torch.from_numpy(constants[name].copy()) for name in node.input[1:])
    layer = nn.Conv2d(
        weight.shape[1] * options["group"],
        weight.shape[0],
        options["kernel_shape"],
        options["strides"],
        options["pads"][:2],
        groups=options["group"],
        bias=bool(bias),
    )
    layer.weight.data = weight
    if bias:
        layer.bias = nn.Parameter(bias[0])
    return layer
