import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine import Detections


def some_faces(count: int) -> Detections:
    rng = np.random.default_rng(count)
    return Detections(
        rng.random((count, 4), np.float32), rng.random(count, np.float32), rng.random((count, 5, 2), np.float32)
    )


@given(hnp.arrays(bool, st.integers(0, 6)))
def test_a_mask_picks_the_same_faces_in_every_array(mask: np.ndarray) -> None:
    faces = some_faces(len(mask))
    picked = faces[mask]
    assert len(picked) == mask.sum()
    assert np.array_equal(picked.boxes, faces.boxes[mask])
    assert np.array_equal(picked.scores, faces.scores[mask])
    assert np.array_equal(picked.landmarks, faces.landmarks[mask])


def test_indices_reorder_faces() -> None:
    faces = some_faces(3)
    assert np.array_equal(faces[np.array([2, 0])].scores, faces.scores[[2, 0]])


def test_scaling_moves_boxes_and_landmarks_but_not_scores() -> None:
    faces = some_faces(2)
    larger = faces.scaled(2)
    assert np.array_equal(larger.boxes, faces.boxes * 2)
    assert np.array_equal(larger.landmarks, faces.landmarks * 2)
    assert np.array_equal(larger.scores, faces.scores)
    assert larger.boxes.dtype == np.float32


def test_nobody_is_a_valid_result() -> None:
    nobody = Detections.empty()
    assert len(nobody) == len(nobody.sides) == len(nobody.eye_distances) == 0


@pytest.mark.parametrize("boxes", [np.zeros((2, 4)), np.zeros((1, 4), np.float32), np.zeros((2, 5), np.float32)])
def test_arrays_of_other_types_or_lengths_are_refused(boxes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="boxes must be float32"):
        Detections(boxes, np.zeros(2, np.float32), np.zeros((2, 5, 2), np.float32))
