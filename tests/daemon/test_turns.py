from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.messages import FrameToken
from daemon.turns import Turns

WEIGHTS = st.lists(st.sampled_from([0.1, 0.5, 1.0, 2.0, 10.0]), min_size=1, max_size=6)


def token(camera: str, sequence: int = 1, weight: float = 1.0) -> FrameToken:
    return FrameToken(camera=camera, slot=0, generation=2, sequence=sequence, weight=weight)


def looks(turns: Turns, weights: dict[str, float], count: int) -> list[str]:
    """Every camera always has a frame: there is never time for all."""
    taken = []
    for _ in range(count):
        for camera, weight in weights.items():
            turns.add(token(camera, weight=weight))
        taken.append(turns.take().camera)
    return taken


def test_the_newest_frame_of_a_camera_is_taken_once():
    turns = Turns()
    for sequence in (1, 2, 3):
        turns.add(token("door", sequence))
    assert turns.take().sequence == 3
    assert not turns
    with pytest.raises(ValueError, match="empty"):
        turns.take()


def test_equal_cameras_take_turns_and_a_newer_frame_does_not_push_in():
    turns = Turns()
    for camera in "abc":
        turns.add(token(camera))
    turns.add(token("c", 2))
    assert [turns.take().camera for _ in range(3)] == ["a", "b", "c"]


@given(weights=WEIGHTS, count=st.integers(1, 200))
def test_looks_are_shared_by_weight_and_nobody_starves(weights, count):
    by_camera = {f"camera-{n}": weight for n, weight in enumerate(weights)}
    had = Counter(looks(Turns(), by_camera, count))
    for a, b in ((a, b) for a in by_camera for b in by_camera):
        strides = 1 / by_camera[a], 1 / by_camera[b]
        assert abs(had[a] * strides[0] - had[b] * strides[1]) <= max(strides) + 1e-6


@given(quiet=st.integers(1, 100))
def test_who_was_quiet_gets_no_more_than_the_others_afterwards(quiet):
    turns = Turns()
    looks(turns, {"yard": 1.0, "door": 1.0}, 10)
    while turns:
        turns.take()
    looks(turns, {"door": 1.0}, quiet)
    had = Counter(looks(turns, {"yard": 1.0, "door": 1.0}, 10))
    assert abs(had["yard"] - had["door"]) <= 1


def test_a_camera_that_has_left_is_not_looked_at():
    turns = Turns()
    turns.add(token("door"))
    turns.forget("door")
    turns.forget("ghost")
    assert not turns
