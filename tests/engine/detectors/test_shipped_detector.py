"""The detector that ships, and what places its landmarks."""

import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from engine.detectors import Detector, load_detector
from engine.detectors.refined import MOST_FACES
from engine.manifests import find_model
from engine.runtimes import Execution
from tests.engine.test_images import to_yuv


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


@pytest.mark.parametrize("tiles", [1, 2])
@pytest.mark.parametrize("cut", [0, 1])
def test_a_cameras_planes_show_the_faces_that_the_picture_shows(six_faces: np.ndarray, tiles: int, cut: int) -> None:
    picture = np.ascontiguousarray(six_faces[cut:, cut:])
    detector = load_detector(find_model("finder_v1"), tiles=tiles, how=Execution(threads=1))
    [of_picture], [of_planes] = (
        detector.detect([seen]) for seen in (picture, to_yuv(picture, Colorspace.ITU709, ColorRange.MPEG))
    )
    assert len(of_planes) == 6
    nearest = np.linalg.norm(of_planes.landmarks[:, None] - of_picture.landmarks, axis=-1).mean(-1).min(1)
    assert (nearest < 0.1 * of_planes.eye_distances).all()


def test_a_threshold_near_nothing_takes_no_time_without_end(six_faces: np.ndarray) -> None:
    [found] = load_detector(find_model("finder_v1"), threshold=0.001, how=Execution(threads=1)).detect([six_faces])
    assert 6 <= len(found) <= MOST_FACES
