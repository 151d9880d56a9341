import onnx
import pytest

from engine.errors import PlanError
from engine.manifests import SHIPPED, find_model
from engine.runtimes.crops import CropInput, CropNetwork, crop_network
from engine.runtimes.tensorrt.network import Network

CROPS = CropInput(127.5, 127.5, True)
CROP_NETWORKS = sorted(path.stem for path in SHIPPED.glob("*.onnx") if find_model(path.stem).input_size)


@pytest.mark.parametrize("name", CROP_NETWORKS)
def test_a_network_of_crops_is_compiled(name):
    spec = find_model(name)
    network = Network.read(crop_network(spec))
    assert network.sha256 == spec.sha256
    assert network.crop == (spec.input_size, spec.input_size, 3)


def test_pictures_of_any_size_are_not_compiled():
    with pytest.raises(PlanError, match="number of pictures"):
        Network.read(crop_network(find_model("finder_v1")))


@pytest.mark.parametrize("content", [b"", b"rubbish"])
def test_what_is_no_network_is_a_plan_error(tmp_path, content):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(PlanError, match=r"a\.onnx is not compiled"):
        Network.read(CropNetwork(tmp_path / "a.onnx", CROPS))


def test_several_inputs_are_not_compiled(tmp_path):
    ports = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3, 8, 8]) for name in "ab"]
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 3, 8, 8])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["a", "b"], ["y"])], "two", ports, [out])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "two.onnx")
    with pytest.raises(PlanError, match="has 2 inputs"):
        Network.read(CropNetwork(tmp_path / "two.onnx", CROPS))
