"""A network so small that its answers are known."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Two outputs, `twice` and `root`, of an input `x` that declares shape (2, 3)."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in ("twice", "root")]
    nodes = [helper.make_node("Add", ["x", "x"], ["twice"]), helper.make_node("Sqrt", ["x"], ["root"])]
    model = helper.make_model(
        helper.make_graph(nodes, "network", [x], outputs), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, tmp_path / "network.onnx")
    return tmp_path / "network.onnx"
