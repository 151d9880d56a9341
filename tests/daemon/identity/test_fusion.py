import random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.identity.fusion import HALF_LIFE_S, TrackFusion
from tests.daemon.factories import towards, unit

SECOND_NS = 1_000_000_000

looks = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1), st.integers(0, 60 * SECOND_NS)), min_size=1, max_size=12)


def fused(*seen: tuple[int, float, float]) -> np.ndarray:
    """Args: seen: face, quality and second of each look."""
    fusion = TrackFusion()
    for face, quality, at_s in seen:
        fusion.add(unit(face), quality, int(at_s * SECOND_NS))
    embedding = fusion.embedding()
    assert embedding is not None
    return embedding


def test_nothing_is_known_before_the_first_look() -> None:
    assert TrackFusion().embedding() is None


def test_looks_that_cancel_each_other_tell_nothing() -> None:
    fusion = TrackFusion()
    for embedding in (unit(1), -unit(1)):
        fusion.add(embedding, 0.9, 0)
    assert fusion.embedding() is None


def test_one_look_is_what_it_is_however_bad() -> None:
    assert fused((1, 0.0, 3)) @ unit(1) == pytest.approx(1)


@given(looks, st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(seen: list[tuple[int, float, int]], chance: random.Random) -> None:
    shuffled = chance.sample(seen, len(seen))
    first, second = (fused(*((f, q, at / SECOND_NS) for f, q, at in order)) for order in (seen, shuffled))
    assert first == pytest.approx(second, abs=1e-5)


def test_good_looks_outweigh_many_bad_ones() -> None:
    embedding = fused((1, 0.9, 0), *[(2, 0.4, 0)] * 10)
    assert embedding @ unit(1) > embedding @ unit(2)


def test_noise_of_equal_looks_averages_out() -> None:
    fusion, face = TrackFusion(), unit(1)
    for seed in range(100, 116):
        fusion.add(towards(face, 0.6, seed), 0.7, 0)
    assert fusion.embedding() @ face > 0.85


@pytest.mark.parametrize(("quality", "half_lives"), [(1.0, 1), (0.5, 4)])
@given(past=st.lists(st.floats(0, 1), min_size=1, max_size=300))
@example(past=[1.0] * 300)
def test_who_takes_over_outweighs_any_past_of_a_look_a_second(
    past: list[float], quality: float, half_lives: int
) -> None:
    before = [(1, each, second) for second, each in enumerate(past)]
    after = [(2, quality, len(past) + second) for second in range(round(half_lives * HALF_LIFE_S) + 2)]
    embedding = fused(*before, *after)
    assert embedding @ unit(2) > embedding @ unit(1)
