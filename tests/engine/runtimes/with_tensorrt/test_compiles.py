"""Every network that ships must compile with TensorRT; TensorRT-RTX does that without a GPU."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine.errors import PlanError
from engine.manifests import SHIPPED, find_model
from engine.runtimes.crops import crop_network
from engine.runtimes.tensorrt.builder import build_plan
from engine.runtimes.tensorrt.crops import takes_crops
from engine.runtimes.tensorrt.flavours import load_flavour

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx has no wheel for this machine")

SHIPPED_NETWORKS = sorted(path.stem for path in SHIPPED.glob("*.onnx"))


def of_one_size(spec):
    """The network; one that takes pictures of any size takes those of a camera alone."""
    model = onnx.load(spec.verified_path())
    [port] = model.graph.input
    if spec.input_size is None:
        for size, pixels in zip(port.type.tensor_type.shape.dim[2:], (384, 640), strict=True):
            size.dim_value = pixels
    return model


def test_there_is_a_shipped_network():
    assert SHIPPED_NETWORKS


@pytest.mark.parametrize("name", SHIPPED_NETWORKS)
def test_a_shipped_network_compiles_for_every_batch_size(name):
    spec = find_model(name)
    assert len(build_plan(load_flavour("rtx"), of_one_size(spec))) > spec.verified_path().stat().st_size


@pytest.mark.parametrize("name", [name for name in SHIPPED_NETWORKS if find_model(name).input_size])
def test_a_crops_network_compiles_with_what_the_embedder_does_before_it(name):
    spec = find_model(name)
    whole = takes_crops(onnx.load(spec.verified_path()), crop_network(spec).input)
    assert len(build_plan(load_flavour("rtx"), whole, sizes=(8,))) > spec.verified_path().stat().st_size


def test_a_build_tells_how_far_it_is():
    told = []
    model = of_one_size(find_model(SHIPPED_NETWORKS[0]))
    build_plan(load_flavour("rtx"), model, sizes=(8,), tell=told.append)
    assert len(told) > 1
    assert all("/" in line for line in told)


def network(node, weights):
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 8, 8])]
    out = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", *[None] * 3])]
    tensors = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    graph = helper.make_graph([node], "one", ports, out, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def build_unknown():
    unpool = helper.make_node("MaxUnpool", ["x", "i"], ["y"], kernel_shape=[2, 2], strides=[2, 2])
    build_plan(load_flavour("rtx"), network(unpool, {"i": np.zeros((1, 4, 8, 8), np.int64)}))


def build_without_kernel():
    deconv = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], dilations=[2, 2])
    build_plan(load_flavour("rtx"), network(deconv, {"w": np.ones((4, 4, 3, 3), np.float32)}), sizes=(1,))


def test_a_node_that_tensorrt_does_not_know_is_named():
    with pytest.raises(PlanError, match=r"cannot read the network.*MaxUnpool"):
        build_unknown()


def test_a_node_that_no_kernel_computes_is_named():
    with pytest.raises(PlanError, match=r"cannot compile the network.*Dilated Deconv"):
        build_without_kernel()


def test_errors_of_an_earlier_build_are_not_told_again():
    with pytest.raises(PlanError):
        build_unknown()
    with pytest.raises(PlanError) as raised:
        build_without_kernel()
    assert "MaxUnpool" not in str(raised.value)
