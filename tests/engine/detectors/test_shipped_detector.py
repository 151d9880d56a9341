"""The detector that ships, and what places its landmarks."""

import numpy as np
import pytest

from engine.detectors import Detector


@pytest.mark.parametrize(("name", "count"), [("astronaut", 1), ("six_faces", 6), ("tom_hanks", 1)])
def test_every_face_of_the_samples_is_found(
    request: pytest.FixtureRequest, detector: Detector, name: str, count: int
) -> None:
    [found] = detector.detect([request.getfixturevalue(name)])
    assert len(found) == count


def test_landmarks_are_in_the_order_that_is_promised(six_faces: np.ndarray, detector: Detector) -> None:
    [found] = detector.detect([six_faces])
    left_eye, right_eye, nose, left_mouth, right_mouth = found.landmarks.transpose(1, 0, 2)
    assert (left_eye[:, 0] < right_eye[:, 0]).all()
    assert (left_mouth[:, 0] < right_mouth[:, 0]).all()
    assert (left_eye[:, 1] < nose[:, 1]).all()
    assert (nose[:, 1] < left_mouth[:, 1]).all()


def test_pictures_of_different_sizes_are_answered_in_their_own_pixels(
    astronaut: np.ndarray, six_faces: np.ndarray, detector: Detector
) -> None:
    first, second, third = detector.detect([astronaut, six_faces, np.repeat(np.repeat(astronaut, 3, 0), 3, 1)])
    assert (len(first), len(second), len(third)) == (1, 6, 1)
    assert np.allclose(third.landmarks / 3, first.landmarks, atol=3)


def test_an_empty_scene_and_a_face_at_the_border_are_no_trouble(astronaut: np.ndarray, detector: Detector) -> None:
    nobody, cut = detector.detect([np.zeros((97, 201, 3), np.uint8), np.ascontiguousarray(astronaut[:, 205:])])
    assert len(nobody) == 0
    assert len(cut) == 1
    assert cut.boxes[0, 0] < 3
