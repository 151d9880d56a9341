"""Our decoding against that of the package that the weights belong to."""

import cv2
import numpy as np
import pytest

from engine.detectors import load_detector
from engine.detectors.scrfd import _anchor_centres
from engine.runtimes import Execution
from tests.engine.conftest import MakeSpec

AGREE_PX = 0.05
KEYS = {"task": "detector", "kind": "scrfd", "std": 128.0}


@pytest.mark.parametrize("file", ["scrfd_500m_kps.onnx", "scrfd_2.5g_kps.onnx"])
@pytest.mark.parametrize(("name", "count"), [("astronaut", 1), ("six_faces", 6), ("tom_hanks", 1)])
def test_faces_are_those_that_insightface_finds(
    request: pytest.FixtureRequest, shared_model: MakeSpec, file: str, name: str, count: int
) -> None:
    spec = shared_model(file, **KEYS)
    picture = fitting(request.getfixturevalue(name))
    [found] = load_detector(spec, how=Execution("onnxruntime", 1)).detect([picture])
    boxes, landmarks = insightface_finds(spec.verified_path(), picture)
    assert len(found) == len(boxes) == count
    assert np.allclose(found.scores, boxes[:, 4], atol=1e-4)
    assert np.allclose(found.boxes, np.clip(boxes[:, :4], 0, np.tile(picture.shape[1::-1], 2)), atol=AGREE_PX)
    assert np.allclose(found.landmarks, landmarks, atol=AGREE_PX)


def test_anchor_centres_run_row_by_row_twice_each() -> None:
    assert _anchor_centres(2, 2, 8)[:5].tolist() == [[0, 0], [0, 0], [8, 0], [8, 0], [0, 8]]


def fitting(picture: np.ndarray) -> np.ndarray:
    """Halved until it is at most 640 px, so that both sides see the same pixels."""
    while max(picture.shape) > 640:
        picture = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return picture


def insightface_finds(path: object, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from insightface.model_zoo.scrfd import SCRFD

    height, width = (-(-side // 32) * 32 for side in picture.shape[:2])
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    reference = SCRFD(str(path))
    reference.prepare(-1)
    boxes, landmarks = reference.detect(canvas, input_size=(width, height), det_thresh=0.5)
    return boxes, landmarks
