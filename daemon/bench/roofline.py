"""What a network asks of a machine, and what the machine can give: the ceiling of every runtime."""

import math
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from daemon.bench.timing import Contestant
from engine.runtimes import Execution, Precision, Preference, load_runtime

SIDE = 1536
"""Of two square matrices: their product takes so many operations for each number that memory is no limit."""

CALLED: tuple[Preference, ...] = ("openvino", "onnxruntime")


def count_macs(path: Path, shape: tuple[int, ...]) -> int:
    """Returns the multiply-accumulates of a network's convolutions and products.

    Args:
        path: of the ONNX file.
        shape: of its first input.
    """
    model = onnx.load(path)
    for axis, size in zip(model.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
        axis.dim_value = size
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    model.graph.ClearField("value_info")
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    shapes |= {
        value.name: tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    return sum(_macs(node, shapes) for node in graph.node)


def _macs(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    match node.op_type:
        case "Conv":  # a kernel at each place of the output
            batch, _, *places = shapes[node.output[0]]
        case "ConvTranspose":  # a kernel at each place of the input
            batch, _, *places = shapes[node.input[0]]
        case "MatMul" | "Gemm":
            return math.prod(shapes[node.input[0]]) * shapes[node.output[0]][-1]
        case _:
            return 0
    return batch * math.prod(places) * math.prod(shapes[node.input[1]])


def products(threads: int, precision: Precision) -> list[Contestant]:
    """Returns what multiplies two large matrices, by each runtime that has the precision."""
    rng = np.random.default_rng(0)
    left = rng.standard_normal((SIDE, SIDE), np.float32)
    names = CALLED if precision == "f32" else CALLED[:1]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "product.onnx"
        _write_product(rng.standard_normal((SIDE, SIDE), np.float32), path)
        runtimes = [load_runtime(path, Execution(name, threads, precision)) for name in names]
    return [
        Contestant(f"product {each.name}", precision, 1, partial(each.run, {"left": left}), SIDE**3 / 1e9)
        for each in runtimes
    ]


def _write_product(right: NDArray[np.float32], path: Path) -> None:
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, right.shape) for name in ("left", "product")]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["left", "right"], ["product"])],
        "product",
        ports[:1],
        ports[1:],
        [numpy_helper.from_array(right, "right")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
