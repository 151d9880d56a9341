import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.regions import faces_in_regions
from engine import Detections

LEFT = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
CORNER = ((1, 1), (0.8, 1), (1, 0.8))


def faces_at(*centres: tuple[float, float], side: float = 40) -> Detections:
    middle = np.array(centres, np.float32).reshape(-1, 2)
    boxes = np.concatenate([middle - side / 2, middle + side / 2], axis=1).astype(np.float32)
    scores = np.linspace(0.9, 0.5, len(boxes), dtype=np.float32)
    return Detections(boxes, scores, np.zeros((len(boxes), 5, 2), np.float32))


@pytest.mark.parametrize(
    ("regions", "counting"),
    [((), [0, 1, 2]), ((LEFT,), [0, 1]), ((CORNER,), [2]), ((LEFT, CORNER), [0, 1, 2])],
    ids=["no regions", "one", "another", "both"],
)
def test_faces_count_where_their_centre_lies_in_a_region(regions, counting):
    faces = faces_at((100, 100), (315, 200), (630, 355))
    inside = faces_in_regions(regions, faces, 640, 360)
    assert np.array_equal(inside.scores, faces.scores[counting])
    assert np.array_equal(inside.boxes, faces.boxes[counting])


@given(x=st.floats(0, 640), y=st.floats(0, 360), edge=st.floats(0.1, 0.9))
def test_two_regions_side_by_side_share_the_faces(x, y, edge):
    left, right = ((0, 0), (edge, 0), (edge, 1), (0, 1)), ((edge, 0), (1, 0), (1, 1), (edge, 1))
    faces = faces_at((min(max(x, 1), 639), min(max(y, 1), 359)), side=0)
    shares = [len(faces_in_regions((region,), faces, 640, 360)) for region in (left, right)]
    assert sorted(shares) == [0, 1]


def test_no_face_stays_none():
    assert len(faces_in_regions((LEFT,), Detections.empty(), 640, 360)) == 0
