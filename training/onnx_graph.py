"""From a trained network to a small ONNX file."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

OPSET = 17

Axes = dict[str, dict[int, str]]


def write_onnx(
    network: nn.Module, example: Tensor, path: Path, inputs: list[str], outputs: list[str], axes: Axes
) -> None:
    """Writes a network that is in eval mode and whose batch norms are fused.

    Weights are stored in half precision and cast when a runtime loads them, which halves the file; the arithmetic stays
    FP32.

    Args:
        example: an input.
        axes: those of inputs and outputs that may be of any length, with their names.
    """
    torch.onnx.export(
        network,
        (example,),
        str(path),
        input_names=inputs,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )
    model = onnx.load(path)
    store_in_half_precision(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def fuse_batch_norms(module: nn.Module) -> None:
    """Folds every batch norm that follows a (transposed) convolution into its weights, in place."""
    for child in module.children():
        fuse_batch_norms(child)
    if isinstance(module, nn.Sequential):
        for i in range(len(module) - 1):
            first, second = module[i], module[i + 1]
            if isinstance(second, nn.BatchNorm2d) and isinstance(first, nn.Conv2d | nn.ConvTranspose2d):
                module[i] = fuse_conv_bn_eval(first, second, transpose=isinstance(first, nn.ConvTranspose2d))
                module[i + 1] = nn.Identity()


def store_in_half_precision(model: onnx.ModelProto, smallest: int = 1024) -> None:
    """Replaces large FP32 initialisers by FP16 ones and a Cast, in place."""
    casts = []
    for initialiser in model.graph.initializer:
        weights = numpy_helper.to_array(initialiser)
        if weights.dtype != np.float32 or weights.size < smallest:
            continue
        name = initialiser.name
        initialiser.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
