"""Faces that are lost and turn up again, with embeddings that are made up."""

import math
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.returning import Appearance, most_alike
from daemon.tracking import MOST_AWAY, Tracker
from engine import Detections

ALIKE, LOST_S, RETURN_S, STEP_S = 0.5, 1.0, 4.0, 0.2
PEOPLE = np.eye(8, dtype=np.float32)
"""Embeddings of people who look nothing like each other."""


def make_tracker(return_s: float = RETURN_S) -> Tracker:
    numbers = count(1)
    return Tracker(lambda: f"t{next(numbers)}", LOST_S, return_s, ALIKE)


def faces(*places: float) -> Detections:
    """Faces of 50 pixels, so far from the left that none is taken for another by its place."""
    boxes = np.array([(x, 0, x + 50, 50) for x in places], np.float32).reshape(-1, 4)
    return Detections(boxes, np.ones(len(boxes), np.float32), np.zeros((len(boxes), 5, 2), np.float32))


def see(tracker: Tracker, now_s: float, people: dict[int, float], quality: float = 0.9) -> list[str]:
    """People by where they are; returns the names of their tracks, once their looks are known."""
    tracks = tracker.update(faces(*people.values()), now_s)
    names = [track.name for track in tracks]
    return [tracker.recognise(name, PEOPLE[who], quality) for name, who in zip(names, people, strict=True)]


def ended(tracker: Tracker, now_s: float) -> list[str]:
    return [track.name for track in tracker.end_lost(now_s)]


def test_who_comes_back_elsewhere_within_the_time_is_the_same():
    tracker = make_tracker()
    assert see(tracker, 0.0, {0: 100}) == ["t1"]
    assert ended(tracker, 3.0) == []
    assert len(tracker) == 0
    assert see(tracker, 3.0, {0: 900}) == ["t1"]
    assert [track.name for track in tracker.update(faces(905), 3.2)] == ["t1"]
    assert ended(tracker, 7.3) == ["t1"]


def test_who_was_occluded_shortly_and_went_on_is_the_same():
    tracker = make_tracker()
    see(tracker, 0.0, {0: 100})
    assert see(tracker, 0.6, {0: 400}) == ["t1"]
    assert len(tracker) == 1


@pytest.mark.parametrize(
    ("who", "at_s", "quality", "return_s"),
    [
        pytest.param(1, 3.0, 0.9, RETURN_S, id="somebody else"),
        pytest.param(0, 4.1, 0.9, RETURN_S, id="too late"),
        pytest.param(0, 3.0, 0.2, RETURN_S, id="a bad look"),
        pytest.param(0, 1.5, 0.9, 0.0, id="not wanted"),
    ],
)
def test_a_new_face_is_a_new_track(who, at_s, quality, return_s):
    tracker = make_tracker(return_s)
    see(tracker, 0.0, {0: 100})
    assert see(tracker, at_s, {who: 900}, quality) == ["t2"]


def test_who_was_told_of_after_a_bad_look_is_not_taken_for_another_by_a_better_one():
    tracker = make_tracker()
    see(tracker, 0.0, {0: 100})
    assert see(tracker, 3.0, {0: 900}, 0.3) == ["t2"]
    assert see(tracker, 3.2, {0: 905}, 0.9) == ["t2"]
    assert ended(tracker, 4.1) == ["t1"]


def test_a_track_of_unknown_looks_ends_as_soon_as_it_is_lost():
    tracker = make_tracker()
    tracker.update(faces(100), 0.0)
    assert ended(tracker, 1.1) == ["t1"]


def test_crops_that_are_on_their_way_go_to_the_track_that_has_returned():
    tracker = make_tracker()
    see(tracker, 0.0, {0: 100})
    tracker.end_lost(2.0)
    [track] = tracker.update(faces(900), 2.0)
    assert tracker.followed_name(track.name) == "t2"
    assert tracker.recognise("t2", PEOPLE[0], 0.9) == "t1"
    assert tracker.recognise("t2", PEOPLE[5], 0.9) == "t1"
    assert tracker.followed_name("t2") == tracker.followed_name("t1") == "t1"
    tracker.end_lost(3.5)
    assert tracker.followed_name("t1") is None
    assert tracker.recognise("t2", PEOPLE[0], 0.9) == "t1"
    assert tracker.recognise("t9", PEOPLE[0], 0.9) == "t9"


def test_a_twin_who_is_visible_at_once_is_never_the_same():
    tracker = make_tracker()
    [first] = tracker.update(faces(100), 0.0)
    tracker.recognise(first.name, PEOPLE[0], 0.9)
    names = [track.name for track in tracker.update(faces(100, 900), 0.2)]
    tracker.update(faces(900), 0.4)
    assert tracker.recognise(names[1], PEOPLE[0], 0.9) == names[1] != names[0]


def test_of_two_who_look_alike_neither_is_taken_for_the_other():
    one, other = Appearance(), Appearance()
    one.add(PEOPLE[0], 0.9)
    other.add(np.array([0.96, 0.28, 0, 0, 0, 0, 0, 0], np.float32), 0.9)
    assert most_alike(PEOPLE[0], [one, other], ALIKE) is None
    assert most_alike(PEOPLE[0], [one], ALIKE) == 0
    assert most_alike(PEOPLE[0], [], ALIKE) is None


def test_an_appearance_follows_whoever_takes_over_its_track():
    appearance = Appearance()
    assert appearance.likeness(PEOPLE[0]) == -1
    for who in (0, 0, 0, 1, 1, 1):
        appearance.add(PEOPLE[who], 0.5)
    assert appearance.likeness(PEOPLE[1]) > 0.9 > 0.5 > appearance.likeness(PEOPLE[0])
    assert math.isclose(np.hypot(*(appearance.likeness(PEOPLE[who]) for who in (0, 1))), 1, rel_tol=1e-5)


def test_no_more_than_so_many_are_waited_for():
    tracker = make_tracker()
    for number in range(MOST_AWAY + 10):
        tracker.update(faces(100.0 * number), number * 0.001)
        tracker._tracks[-1].appearance.add(PEOPLE[0], 0.9)
    gone = ended(tracker, LOST_S + 0.2)
    assert gone == [f"t{number}" for number in range(1, 11)]


frames = st.lists(
    st.dictionaries(st.integers(0, 7), st.tuples(st.integers(0, 9), st.booleans()), max_size=5), min_size=1, max_size=60
)


@given(frames, st.integers(1, 15))
def test_no_two_faces_of_a_frame_are_ever_one_track_and_what_was_told_holds(scene, pause):
    """Each frame: who is in it, where, and whether the face is embedded in it."""
    tracker, now_s = make_tracker(), 0.0
    told: dict[str, set[int]] = {}
    gone: set[str] = set()
    for number, people in enumerate(scene):
        now_s += STEP_S * (pause if number % 7 == 0 else 1)
        places = {who: 1000.0 * place + 100 * who for who, (place, _) in people.items()}
        names = [track.name for track in tracker.update(faces(*places.values()), now_s)]
        assert len(set(names)) == len(names)
        for who, name in zip(people, names, strict=True):
            if people[who][1]:
                known = tracker.recognise(name, PEOPLE[who], 0.9)
                assert name == known or name not in told, "a name that was told is not taken back"
                told.setdefault(known, set()).add(who)
        now = [tracker.followed_name(name) for name in names]
        assert None not in now
        assert len(set(now)) == len(now)
        over = ended(tracker, now_s)
        assert not gone & {*over, *now}, "who has left is not followed again"
        gone.update(over)
    assert all(len(people) == 1 for people in told.values())
    assert set(told) <= gone | {track.name for track in tracker.end_lost(math.inf)}
