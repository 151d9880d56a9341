import numpy as np
import pytest

from engine.faces import Detections
from training.detection.measures import CANVAS_PX, compare_landmarks, overlaps, recall, small_faces


def one_face(corner: float, side: float, score: float = 0.9, shift: float = 0.0) -> Detections:
    box = np.array([[corner, corner, corner + side, corner + side]], np.float32)
    points = corner + side * np.array([[[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]], np.float32)
    return Detections(box, np.array([score], np.float32), points + np.float32(shift))


def test_overlap_of_equal_shifted_and_distant_boxes() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [50, 50, 60, 60]], np.float32)
    assert overlaps(boxes[0], boxes) == pytest.approx([1, 1 / 3, 0])


def test_landmark_errors_are_shares_of_the_eye_distance() -> None:
    reference = one_face(75, 100)
    off = one_face(75, 100, shift=4.0)  # by (4, 4), at an eye distance of 40
    compared = compare_landmarks([off, Detections.empty()], [reference, reference])
    assert (compared.missed, compared.compared) == (1, 1)
    assert compared.error_percent.value == pytest.approx(100 * 4 * 2**0.5 / 40, abs=0.01)


def test_small_faces_have_the_wanted_size_and_lie_where_it_is_said() -> None:
    picture = np.zeros((250, 250, 3), np.uint8)
    picture[75:175, 75:175] = 255
    nobody = [np.zeros((400, 300, 3), np.uint8)]
    [face] = small_faces([picture], [one_face(75, 100)], nobody, side_px=20)
    assert face.canvas.shape == (CANVAS_PX, CANVAS_PX, 3)
    rows, columns = np.nonzero(face.canvas[..., 0] > 127)
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == pytest.approx(face.box, abs=1)
    assert face.box[2] - face.box[0] == pytest.approx(20)


def test_recall_counts_by_both_thresholds() -> None:
    figures = recall(np.array([0.0, 0.4, 0.6, 0.9], np.float32), strict=0.3)
    assert (figures.at_half.value, figures.at_equal_false.value) == (50, 75)
