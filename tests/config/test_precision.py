import pytest
from pydantic import ValidationError

from config import DetectionSettings, EmbeddingSettings, Settings


@pytest.mark.parametrize("precisions", [("bf16", "f32"), ("f32", "bf16")])
def test_onnxruntime_with_bf16_is_refused(precisions):
    detector, embedder = precisions
    parts = {
        "detection": DetectionSettings(precision=detector),
        "embedding": EmbeddingSettings(precision=embedder, runtime="onnxruntime"),
    }
    with pytest.raises(ValidationError, match="onnxruntime, which has no bf16"):
        Settings(**parts)


def test_any_precision_goes_with_openvino():
    embedding = EmbeddingSettings(precision="bf16", runtime="openvino")
    assert Settings(embedding=embedding).embedding.precision == "bf16"
