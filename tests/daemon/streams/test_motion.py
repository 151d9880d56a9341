import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from daemon.streams.motion import CELLS, MotionGate, threshold, thumbnail
from training.paths import SHARED

CLIP = SHARED / "data" / "clips" / "hamilton.mp4"
INTERVAL_NS = 200_000_000
LOOK_S = 2.0
SIZES = st.tuples(st.integers(1, 700), st.integers(1, 700))
LOWER_HALF = [(0, 0.5), (1, 0.5), (1, 1), (0, 1)]


def flat(level: int = 100, width: int = 640, height: int = 360) -> NDArray[np.uint8]:
    return np.full((height, width), level, np.uint8)


def with_square(x: int, y: int, side: int, level: int) -> NDArray[np.uint8]:
    picture = flat()
    picture[y : y + side, x : x + side] = level
    return picture


def gate_after(picture: NDArray[np.uint8], sensitivity: float = 0.5, regions=()) -> MotionGate:
    """A gate that has let a look pass at 0."""
    gate = MotionGate(sensitivity, LOOK_S, regions)
    assert gate.opens(picture, 0, is_followed=False)
    gate.note_look()
    return gate


@given(size=SIZES)
def test_a_thumbnail_is_small_and_as_bright_as_the_picture(size):
    cells = thumbnail(flat(77, *size))
    assert 1 <= max(cells.shape) < 2 * CELLS or min(size) < max(size) // CELLS
    assert np.all(cells == 77)


def test_a_cell_is_the_mean_of_its_pixels():
    picture = np.random.default_rng(1).integers(0, 256, (90, 160 * 3), np.uint8)
    assert thumbnail(picture) == pytest.approx(picture.reshape(30, 3, 160, 3).mean(axis=(1, 3)))


@given(
    steps=st.lists(st.tuples(st.integers(90, 110), st.booleans(), st.integers(1, 900)), max_size=40),
    sensitivity=st.floats(0, 1),
)
def test_no_two_looks_are_further_apart_than_is_allowed(steps, sensitivity):
    gate, now_ns, looked_ns = MotionGate(sensitivity, LOOK_S), 0, None
    for level, is_followed, passed_ms in steps:
        now_ns += passed_ms * 1_000_000
        opens = gate.opens(flat(level, 64, 36), now_ns, is_followed=is_followed)
        assert opens or (not is_followed and looked_ns is not None and now_ns - looked_ns < LOOK_S * 1e9)
        if opens:
            gate.note_look()
            looked_ns = now_ns


@given(size=SIZES, level=st.integers(0, 255), sensitivity=st.floats(0, 1))
def test_a_picture_like_the_last_look_is_held_back(size, level, sensitivity):
    gate = gate_after(flat(level, *size), sensitivity)
    assert not gate.opens(flat(level, *size), INTERVAL_NS, is_followed=False)


@given(x=st.integers(0, 624), y=st.integers(0, 344), level=st.integers(0, 255), sensitivity=st.floats(0, 1))
def test_a_face_that_appears_anywhere_is_seen_if_it_differs_enough(x, y, level, sensitivity):
    opens = gate_after(flat(), sensitivity).opens(with_square(x, y, 16, level), INTERVAL_NS, is_followed=False)
    assert opens == (abs(level - 100) > threshold(sensitivity))


@given(step=st.integers(1, 7))
def test_what_changes_slowly_adds_up(step):
    gate = gate_after(flat())
    opened = [gate.opens(flat(100 + n * step), n * INTERVAL_NS // 10, is_followed=False) for n in range(1, 10)]
    assert opened == [n * step > threshold(0.5) for n in range(1, 10)]


def test_a_look_that_found_no_room_is_still_due():
    gate = gate_after(flat())
    assert gate.opens(with_square(100, 100, 32, 200), INTERVAL_NS, is_followed=False)
    assert gate.opens(with_square(100, 100, 32, 200), 2 * INTERVAL_NS, is_followed=False)
    gate.note_look()
    assert not gate.opens(with_square(100, 100, 32, 200), 3 * INTERVAL_NS, is_followed=False)


@given(x=st.integers(0, 608), y=st.integers(0, 140) | st.integers(180, 328))
def test_only_what_moves_in_a_region_counts(x, y):
    gate = gate_after(flat(), regions=[LOWER_HALF])
    assert gate.opens(with_square(x, y, 32, 200), INTERVAL_NS, is_followed=False) == (y >= 180)


def test_a_picture_of_another_shape_is_looked_at():
    assert gate_after(flat()).opens(flat(100, 640, 480), INTERVAL_NS, is_followed=False)


@pytest.mark.skipif(not CLIP.exists(), reason="needs the clips of shared/data")
def test_real_footage_is_seen_to_move_and_a_still_of_it_is_not():
    with av.open(str(CLIP)) as container:
        lumas = [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)][::6]
    gate = gate_after(lumas[0])
    noise = np.random.default_rng(1).normal(0, 5, (10, *lumas[0].shape))
    stills = [np.clip(lumas[0] + each, 0, 255).astype(np.uint8) for each in noise]
    assert not any(gate.opens(each, n * INTERVAL_NS // 2, is_followed=False) for n, each in enumerate(stills))
    moving = [gate.opens(each, INTERVAL_NS, is_followed=False) for each in lumas[1:]]
    assert all(moving)
