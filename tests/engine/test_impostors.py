import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engine.impostors import ImpostorTail, ImpostorTails, LookTails

tails = st.builds(
    ImpostorTail,
    above=st.floats(0, 0.6),
    share=st.floats(0.001, 0.1),
    scale=st.floats(0.01, 0.1),
    shape=st.one_of(st.just(0.0), st.floats(-0.5, -1e-3), st.floats(1e-3, 0.3)),
)


ONE, OTHER = (ImpostorTail(above=above, share=0.02, scale=0.05, shape=0) for above in (0.3, 0.2))


@given(tails, st.floats(0, 1))
def test_rate_is_scipys_generalised_pareto(tail: ImpostorTail, cosine: float) -> None:
    expected = tail.share * stats.genpareto.sf(cosine - tail.above, tail.shape, scale=tail.scale)
    assert tail.rate(cosine) == pytest.approx(expected, rel=1e-4, abs=1e-12)


@given(tails, st.floats(1e-9, 1))
def test_cosine_is_the_inverse_of_rate(tail: ImpostorTail, rate: float) -> None:
    assert tail.rate(tail.cosine(rate)) == pytest.approx(min(rate, tail.share), rel=1e-4)


@given(tails, st.floats(-1, 1), st.floats(-1, 1))
def test_rate_falls_with_the_cosine(tail: ImpostorTail, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert tail.rate(low) >= tail.rate(high) >= 0


def test_shape_of_almost_nothing_is_an_exponential() -> None:
    tail = ImpostorTail(above=0.4, share=0.02, scale=0.05, shape=1e-9)
    assert tail.rate(0.5) == pytest.approx(0.02 * math.exp(-2))
    assert tail.cosine(0.02 * math.exp(-2)) == pytest.approx(0.5)


def test_negative_shape_ends_the_tail() -> None:
    tail = ImpostorTail(above=0.4, share=0.02, scale=0.05, shape=-0.25)
    assert tail.rate(0.6001) == 0
    assert tail.cosine(1e-30) == pytest.approx(0.6, abs=1e-3)
    assert np.isfinite(tail.cosine(1e-300))


def test_strangers_at_large_have_their_own_tails() -> None:
    found = ImpostorTails(track=ONE, photos=ONE, tracks=ONE, anybody=LookTails(track=OTHER, photos=OTHER))
    assert (found.of("alike").track, found.of("anybody").track) == (ONE, OTHER)


def test_where_they_have_none_those_who_are_alike_stand_for_them() -> None:
    """As in every manifest of before."""
    found = ImpostorTails.model_validate({kind: ONE.model_dump() for kind in ("track", "photos", "tracks")})
    assert found.of("anybody") is found
