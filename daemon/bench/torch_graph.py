"""An ONNX embedder by PyTorch's own kernels: the very network that ships, with less overhead than modules have."""

from collections.abc import Callable
from typing import Any

import torch
from onnx import ModelProto, helper, numpy_helper
from torch import Tensor
from torch.nn import functional

from engine.runtimes.tensorrt.simplify import simplified

Options = dict[str, Any]


def _conv(options: Options, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    pads, dilations = options["pads"][:2], options.get("dilations", 1)
    return functional.conv2d(x, weight, bias, options["strides"], pads, dilations, options.get("group", 1))


def _deconv(options: Options, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    pads = options["pads"][:2]
    return functional.conv_transpose2d(x, weight, bias, options["strides"], pads, 0, options.get("group", 1))


def _gemm(options: Options, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.linear(x, weight if options.get("transB") else weight.T, bias)


def _clip(options: Options, x: Tensor, low: float | None = None, high: float | None = None) -> Tensor:
    return torch.clamp(x, low, high)


def _sum(options: Options, x: Tensor, axes: list[int]) -> Tensor:
    return x.sum(axes, keepdim=bool(options.get("keepdims", 1)))


def _norm(options: Options, x: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return norm


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda options, *values: function(*values)


KINDS: dict[str, Callable[..., Any]] = {
    "Conv": _conv,
    "ConvTranspose": _deconv,
    "Gemm": _gemm,
    "Clip": _clip,
    "ReduceSum": _sum,
    "ReduceL2": _norm,
    "Relu": _plain(torch.relu),
    "Sigmoid": _plain(torch.sigmoid),
    "Add": _plain(torch.add),
    "Sub": _plain(torch.sub),
    "Mul": _plain(torch.mul),
    "Div": _plain(torch.div),
    "Concat": lambda options, *values: torch.cat(values, options["axis"]),
    "Cast": _plain(lambda x: x),
    "Shape": _plain(lambda x: list(x.shape)),
    "Expand": _plain(lambda x, shape: x.expand(shape)),
    "Flatten": _plain(lambda x: x.flatten(1)),
}


class TorchGraph:
    """Runs the nodes one after the other.

    Args:
        model: of nodes of `KINDS`; any other is a KeyError.
        device, dtype: of the weights; FP16 goes with channels last.
    """

    def __init__(self, model: ModelProto, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        graph = simplified(model).graph
        self._steps = [
            (
                KINDS[node.op_type],
                {a.name: helper.get_attribute_value(a) for a in node.attribute},
                tuple(node.input),
                node.output[0],
            )
            for node in graph.node
        ]
        self._input, self._output = graph.input[0].name, graph.output[0].name
        self._constants: dict[str, Any] = {"": None}
        for tensor in graph.initializer:
            values = torch.from_numpy(numpy_helper.to_array(tensor).copy())
            if not values.is_floating_point() or values.dim() == 0:  # axes and limits, which belong on the host
                self._constants[tensor.name] = values.tolist()
                continue
            values = values.to(device, dtype)
            if dtype == torch.float16 and values.dim() == 4:
                values = values.to(memory_format=torch.channels_last)
            self._constants[tensor.name] = values

    def __call__(self, x: Tensor) -> Tensor:
        values = {**self._constants, self._input: x}
        for run, options, names, output in self._steps:
            values[output] = run(options, *[values[name] for name in names])
        found: Tensor = values[self._output]
        return found
