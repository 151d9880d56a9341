from itertools import count

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daemon.tracking import Tracker
from engine import Detections


def make_tracker(lost_after_s: float = 2.0) -> Tracker:
    numbers = count(1)
    return Tracker(lambda: f"t{next(numbers)}", lost_after_s)


def faces(*boxes: tuple[float, float, float]) -> Detections:
    """Detections of square faces, (centre x, centre y, side)."""
    corners = [(x - s / 2, y - s / 2, x + s / 2, y + s / 2) for x, y, s in boxes]
    n = len(boxes)
    return Detections(
        np.array(corners, np.float32).reshape(n, 4), np.ones(n, np.float32), np.zeros((n, 5, 2), np.float32)
    )


def names(tracker: Tracker, detections: Detections, now_s: float) -> list[str]:
    return [track.name for track in tracker.update(detections, now_s)]


def test_a_moving_face_keeps_its_track():
    tracker = make_tracker()
    seen = {names(tracker, faces((100 + 45 * i, 100, 50)), 0.2 * i)[0] for i in range(20)}
    assert seen == {"t1"}


def test_two_faces_that_cross_keep_their_tracks():
    tracker = make_tracker()
    for i in range(21):
        left, right = names(tracker, faces((100 + 20 * i, 100, 60), (500 - 20 * i, 130, 60)), 0.2 * i)
    assert (left, right) == ("t1", "t2")


def test_a_far_jump_is_another_face():
    tracker = make_tracker()
    assert names(tracker, faces((100, 100, 50)), 0) == ["t1"]
    assert names(tracker, faces((400, 100, 50)), 0.2) == ["t2"]


def test_a_face_of_another_size_is_another_face():
    tracker = make_tracker()
    names(tracker, faces((100, 100, 50)), 0)
    assert names(tracker, faces((100, 100, 120)), 0.2) == ["t2"]


def test_one_who_comes_as_another_leaves_disturbs_nobody():
    tracker = make_tracker()
    names(tracker, faces((350, 200, 65), (120, 250, 42), (590, 180, 92)), 0)
    assert names(tracker, faces((120, 250, 43), (350, 200, 66), (840, 150, 32)), 0.2) == ["t2", "t1", "t4"]


def test_a_face_that_hides_shortly_comes_back_as_itself():
    tracker = make_tracker()
    names(tracker, faces((100, 100, 50)), 0)
    tracker.update(Detections.empty(), 1.0)
    assert names(tracker, faces((105, 100, 50)), 1.5) == ["t1"]


def test_a_lost_track_ends_once():
    tracker = make_tracker(lost_after_s=2.0)
    names(tracker, faces((100, 100, 50)), 0)
    assert tracker.end_lost(2.0) == []
    assert [track.name for track in tracker.end_lost(2.1)] == ["t1"]
    assert tracker.end_lost(100) == []
    assert names(tracker, faces((100, 100, 50)), 2.2) == ["t2"]


def test_a_lost_track_is_not_taken_up_again_before_its_end_was_told():
    tracker = make_tracker(lost_after_s=2.0)
    names(tracker, faces((100, 100, 50)), 0)
    assert names(tracker, faces((100, 100, 50)), 2.1) == ["t2"]
    assert [track.name for track in tracker.end_lost(2.1)] == ["t1"]


positions = st.lists(st.tuples(st.floats(0, 1900), st.floats(0, 1000), st.floats(10, 300)), max_size=8)


@given(st.lists(positions, min_size=1, max_size=10))
def test_every_detection_gets_one_track_of_its_own(frames):
    tracker = make_tracker()
    for i, boxes in enumerate(frames):
        found = names(tracker, faces(*boxes), 0.2 * i)
        assert len(found) == len(boxes)
        assert len(set(found)) == len(found)
