"""A graph that was exported and read back must compute what it computed."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from training.onnx_graph import write_onnx
from training.onnx_module import OnnxModule
from training.paths import SHARED
from training.recipe import TrainingError
from training.teachers import EMBEDDING, STAGES, load_teacher

TEACHER = SHARED / "models" / "mobilefacenet_foamliu.onnx"


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False)
        self.whole = nn.Conv2d(8, 4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        lifted = nn.functional.interpolate(nn.functional.max_pool2d(x, 2), scale_factor=2.0, mode="nearest")
        return self.whole(nn.functional.relu6(lifted + self.depthwise(x))).flatten(1)


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning")
def test_a_network_comes_back_from_its_file(tmp_path):
    torch.manual_seed(0)
    network, x = Small().eval(), torch.randn(2, 3, 8, 8)
    write_onnx(network, x, tmp_path / "a.onnx", ["x"], ["y"], {"x": {0: "n"}, "y": {0: "n"}})
    (middle,) = (node.output[0] for node in onnx.load(tmp_path / "a.onnx").graph.node if node.op_type == "Relu")
    features, given = OnnxModule(tmp_path / "a.onnx", (middle, "y"))(x)
    assert torch.allclose(given, network(x), atol=1e-2)  # the file keeps large weights in half precision
    assert torch.allclose(features, torch.relu(network.first(x)), atol=1e-2)


def test_a_file_that_is_missing_or_of_other_nodes_is_told(tmp_path):
    with pytest.raises(TrainingError, match="cannot be read"):
        OnnxModule(tmp_path / "a.onnx", ("y",))
    weight = numpy_helper.from_array(np.zeros((3, 3), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [weight],
    )
    onnx.save(helper.make_model(graph), tmp_path / "a.onnx")
    with pytest.raises(TrainingError, match="has nodes of MatMul"):
        OnnxModule(tmp_path / "a.onnx", ("y",))


@pytest.mark.skipif(not TEACHER.exists(), reason="the teacher is not at hand")
def test_the_teacher_says_the_same_on_a_cpu_and_on_a_gpu():
    """Both ways of running it; the GPU's is run on the CPU here."""
    torch.manual_seed(0)
    faces = torch.nn.functional.interpolate(torch.rand(4, 3, 7, 7), (112, 112), mode="bilinear")
    stages, embeddings = load_teacher(torch.device("cpu"), STAGES)((255 * faces).to(torch.uint8))
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    *expected, raw = OnnxModule(TEACHER, (*STAGES, EMBEDDING))(
        ((255 * faces).to(torch.uint8).float() / 255 - mean) / std
    )
    assert torch.allclose(embeddings, torch.nn.functional.normalize(raw, dim=1), atol=0.05)
    for ours, theirs in zip(stages, expected, strict=True):
        assert ours.shape == theirs.shape
        assert (ours - theirs).std() < 0.05 * theirs.std()
