"""FP16 graphs: same inputs and outputs, nearly the same numbers, exact normalisation."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine.manifests import SHIPPED
from engine.probes import probe_crops
from engine.runtimes.tensorrt.half import to_half
from engine.runtimes.tensorrt.simplify import simplified

EMBEDDERS = sorted(path.name.replace(".probes.npy", ".onnx") for path in SHIPPED.glob("*.probes.npy"))
LEAST_COSINE = 0.9999


def run(model, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, inputs)


def faces():
    return (probe_crops()[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 127.5


def types(model):
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


@pytest.mark.parametrize("file", EMBEDDERS)
def test_a_shipped_network_stays_itself_in_half_precision(file):
    model = onnx.load(SHIPPED / file)
    half = to_half(model)
    onnx.checker.check_model(half, full_check=True)
    assert ports(half) == ports(model)
    [exact], [rounded] = (run(m, {model.graph.input[0].name: faces()}) for m in (model, half))
    assert rounded.dtype == np.float32
    assert (exact * rounded).sum(axis=1).min() > LEAST_COSINE


@pytest.mark.parametrize("file", EMBEDDERS)
def test_every_product_of_a_shipped_network_is_in_half_precision(file):
    half = to_half(onnx.load(SHIPPED / file))
    weights = types(half)
    products = [node for node in half.graph.node if node.op_type in {"Conv", "ConvTranspose", "Gemm", "MatMul"}]
    assert products
    assert all(weights[name] == TensorProto.FLOAT16 for node in products for name in node.input[1:])


def ports(model):
    return [(port.name, port.type.tensor_type.elem_type) for port in (*model.graph.input, *model.graph.output)]


def small(nodes, weights, inputs=("x",)):
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in inputs]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    tensors = [numpy_helper.from_array(np.asarray(values), name) for name, values in weights.items()]
    graph = helper.make_graph(nodes, "small", ports, [out], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_what_follows_the_last_product_stays_exact():
    tiny = np.float32(1e-12)
    model = small(
        [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Max", ["p", "tiny"], ["y"])],
        {"w": np.eye(4, dtype=np.float32), "tiny": tiny},
    )
    half = to_half(model)
    assert types(half) == {"w.half": TensorProto.FLOAT16, "tiny": TensorProto.FLOAT}
    [given] = run(half, {"x": np.zeros((1, 4), np.float32)})
    assert (given == tiny).all()


def test_an_output_that_is_a_product_is_given_in_single_precision():
    model = small([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": 2 * np.eye(4, dtype=np.float32)})
    [given] = run(to_half(model), {"x": np.ones((3, 4), np.float32)})
    assert given.dtype == np.float32
    assert (given == 2).all()


def test_a_weight_used_before_and_after_the_last_product_is_in_both_precisions():
    nodes = [
        helper.make_node("Add", ["x", "b"], ["s"]),
        helper.make_node("MatMul", ["s", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["y"]),
    ]
    half = to_half(small(nodes, {"w": np.eye(4, dtype=np.float32), "b": np.full(4, 0.5, np.float32)}))
    kinds = types(half)
    assert (kinds["b"], kinds["b.half"]) == (TensorProto.FLOAT, TensorProto.FLOAT16)
    [given] = run(half, {"x": np.ones((1, 4), np.float32)})
    assert (given == 2).all()


def test_the_scales_of_a_resize_stay_single_precision():
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, side, side]) for name, side in
             (("x", 4), ("y", 8))]  # fmt: skip
    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["large"], mode="nearest"),
        helper.make_node("Conv", ["large", "w"], ["y"]),
    ]
    weights = [
        numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
        numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w"),
    ]
    graph = helper.make_graph(nodes, "resize", ports[:1], ports[1:], weights)
    half = to_half(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    assert types(half)["scales"] == TensorProto.FLOAT
    [given] = run(half, {"x": np.ones((1, 1, 4, 4), np.float32)})
    assert given.shape == (1, 1, 8, 8)


def test_weights_stored_in_half_precision_are_the_same_weights():
    model = small(
        [
            helper.make_node("Identity", ["stored"], ["shared"]),
            helper.make_node("Cast", ["shared"], ["w"], to=TensorProto.FLOAT),
            helper.make_node("MatMul", ["x", "w"], ["y"]),
        ],
        {"stored": np.eye(4, dtype=np.float16) / 3},
    )
    plain = simplified(model)
    assert [node.op_type for node in plain.graph.node] == ["MatMul"]
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    assert (run(model, {"x": x})[0] == run(plain, {"x": x})[0]).all()


def test_what_broadcasts_by_itself_is_not_expanded():
    nodes = [
        helper.make_node("ReduceL2", ["x"], ["norm"], axes=[1]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Expand", ["norm", "shape"], ["norms"]),
        helper.make_node("Div", ["x", "norms"], ["y"]),
    ]
    model = small(nodes, {})
    plain = simplified(model)
    assert [node.op_type for node in plain.graph.node] == ["ReduceL2", "Div"]
    x = np.arange(1, 9, dtype=np.float32).reshape(2, 4)
    assert (run(model, {"x": x})[0] == run(plain, {"x": x})[0]).all()


def test_an_expansion_to_another_shape_stays():
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Expand", ["b", "shape"], ["bs"]),
        helper.make_node("Add", ["bs", "c"], ["y"]),
    ]
    model = small(nodes, {"b": np.ones(1, np.float32), "c": np.ones(4, np.float32)})
    x = np.zeros((3, 4), np.float32)
    assert run(simplified(model), {"x": x})[0].shape == (3, 4)
