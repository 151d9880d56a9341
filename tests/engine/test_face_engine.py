import numpy as np
import pytest

import engine
from config import DetectionSettings, Settings
from engine import FaceEngine, ModelError
from engine.detectors import Detector
from engine.embedder import Embedder
from engine.runtimes import Execution
from tests.engine.conftest import MakeSpec
from tests.engine.test_embedder import KEYS


@pytest.fixture
def embedder(shared_model: MakeSpec) -> Embedder:
    return Embedder.load(shared_model("edgeface_xs.onnx", **KEYS), Execution(threads=1))


def test_a_picture_becomes_faces(six_faces: np.ndarray, detector: Detector, embedder: Embedder) -> None:
    faces = FaceEngine(detector, embedder).analyze(six_faces)
    assert len(faces) == len(faces.detections) == 6
    assert faces.crops.shape == (6, 112, 112, 3)
    assert faces.embeddings.shape == (6, 512)
    assert (faces.quality.values > 0.25).all()


def test_faces_below_the_smallest_size_are_left_out(
    six_faces: np.ndarray, detector: Detector, embedder: Embedder
) -> None:
    assert len(FaceEngine(detector, embedder, smallest_face_px=140).analyze(six_faces)) == 2


def test_a_picture_of_nobody_gives_no_faces(detector: Detector, embedder: Embedder) -> None:
    assert len(FaceEngine(detector, embedder).analyze(np.zeros((50, 50, 3), np.uint8))) == 0


def test_the_shipped_models_load_by_the_default_settings(astronaut: np.ndarray) -> None:
    faces = FaceEngine.load(Settings()).analyze(astronaut)
    assert len(faces) == 1


def test_an_unknown_model_is_told() -> None:
    with pytest.raises(ModelError, match="'yolo' is unknown"):
        FaceEngine.load(Settings(detection=DetectionSettings(model="yolo")))


def test_every_exported_name_exists() -> None:
    assert all(hasattr(engine, name) for name in engine.__all__)
