import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.identity import calibration
from daemon.identity.calibration import (
    BELIEF,
    WATCHED_FPIR,
    alikeness,
    calibrate,
    false_positive_rate,
    threshold,
)
from engine.impostors import ImpostorTail, ImpostorTails, LookTails

TAIL = ImpostorTail(above=0.42, share=0.02, scale=0.06, shape=-0.14)
TAILS = ImpostorTails(track=TAIL, photos=TAIL, tracks=TAIL)
AT_LARGE = ImpostorTail(above=0.34, share=0.02, scale=0.06, shape=-0.14)
BOTH = TAILS.model_copy(update={"anybody": LookTails(track=AT_LARGE, photos=AT_LARGE)})
NO_LESS_ALIKE = TAILS.model_copy(update={"anybody": LookTails(track=TAIL, photos=TAIL)})

rates, sizes, ratios = st.floats(1e-5, 0.01), st.integers(1, 1_000_000), st.floats(0.2, 5)


def crowd(size: int, dimension: int = 64, spread: float = 1.0, seed: int = 0) -> np.ndarray:
    """People in random directions; with a small spread, all in one corner of the sphere."""
    faces = np.random.default_rng(seed).normal(0, spread, (size, dimension)) + np.eye(dimension)[0]
    return (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)


@given(rates, sizes, ratios)
def test_threshold_keeps_the_rate_it_was_asked_for(fpir: float, people: int, ratio: float) -> None:
    cosine = threshold(fpir, people, TAIL, ratio)
    assert false_positive_rate(cosine, people, TAIL, ratio) <= fpir * 1.001
    if cosine > TAIL.above:
        assert false_positive_rate(cosine, people, TAIL, ratio) == pytest.approx(fpir, rel=0.01)


@given(rates, rates, sizes, sizes, ratios, ratios)
def test_threshold_rises_with_caution_people_and_alikeness(
    fpir: float, other_fpir: float, people: int, other_people: int, ratio: float, other_ratio: float
) -> None:
    careful, careless = sorted((fpir, other_fpir))
    few, many = sorted((people, other_people))
    different, alike = sorted((ratio, other_ratio))
    assert threshold(careless, few, TAIL, different) <= threshold(careful, many, TAIL, alike)


def test_strangers_drawn_from_the_tail_are_named_as_often_as_asked() -> None:
    rng, people, strangers, fpir = np.random.default_rng(1), 50, 20_000, 0.01
    cosine = threshold(fpir, people, TAIL)
    in_tail = rng.binomial(people, TAIL.share, strangers)
    best = [max((TAIL.cosine(TAIL.share * rng.uniform(1e-12, 1)) for _ in range(n)), default=-1) for n in in_tail]
    assert (np.array(best) > cosine).mean() == pytest.approx(fpir, abs=0.0025)


def test_nobody_enrolled_is_as_one() -> None:
    found = calibrate(0, np.empty((0, 0), np.float32), TAILS, 0.001)
    assert (found.alikeness, found.threshold) == (1.0, threshold(0.001, 1, TAIL))


@pytest.mark.parametrize(("people", "least"), [(0, 1), (1, 1), (2, 0.99), (5, 0.9), (10, 0.7)])
def test_few_people_change_little_of_what_the_model_says(people: int, least: float) -> None:
    assert least <= alikeness(crowd(people), TAIL) <= 1


@given(st.integers(1, 2048), st.integers(1, 2048), st.floats(0, 20))
def test_threshold_rises_with_the_gallery_however_alike_the_people_are(few: int, many: int, true: float) -> None:
    """What is counted among the people of one population, on average."""
    few, many = sorted((few, many))

    def chances(people: int) -> float:
        expected = people * (people - 1) / 2 * min(WATCHED_FPIR / people, TAIL.share)
        return people * (true * expected + BELIEF) / (expected + BELIEF)

    assert chances(few) <= chances(many) * (1 + 1e-9)
    assert threshold(0.01, few, TAIL, chances(few) / few) <= threshold(0.01, many, TAIL, chances(many) / many) + 1e-9


@pytest.mark.parametrize("spread", [0.1, 0.3, 1])
@pytest.mark.parametrize("few", [10, 30, 100])
def test_ten_times_as_many_people_have_the_higher_threshold(few: int, spread: float) -> None:
    # One pair that is alike by chance may turn it round for a single gallery, and by little.
    crowds = [crowd(10 * few, spread=spread, seed=seed) for seed in range(8)]
    rises = [
        calibrate(len(faces), faces, TAILS, 0.01).threshold - calibrate(few, faces[:few], TAILS, 0.01).threshold
        for faces in crowds
    ]
    assert np.mean(rises) > 0
    assert min(rises) > -0.05


def test_people_who_are_alike_raise_the_threshold_and_different_ones_lower_it() -> None:
    alike, different = calibrate(300, crowd(300, spread=0.12), TAILS, 1e-3), calibrate(300, crowd(300), TAILS, 1e-3)
    assert different.alikeness < 1 < alike.alikeness
    assert different.threshold < threshold(1e-3, 300, TAIL) < alike.threshold


@pytest.mark.parametrize("people", [1, 10, 100, 500])
@pytest.mark.parametrize("spread", [0.1, 0.25, 1])
def test_caution_lowers_less_and_raises_as_much(people: int, spread: float) -> None:
    faces = crowd(people, spread=spread)
    usual, cautious = (alikeness(faces, TAIL, cautious) for cautious in (False, True))
    if usual >= 1:
        assert cautious == usual
    else:
        assert usual < cautious <= 1


@pytest.mark.parametrize("shape", [2.5, 4.5, 30.0])
def test_the_upper_bound_of_a_rate_holds_in_nine_cases_of_ten(shape: float) -> None:
    drawn = np.random.default_rng(2).gamma(shape, size=100_000)
    assert (drawn < calibration._upper_bound(shape)).mean() == pytest.approx(0.9, abs=0.005)


@given(st.integers(1, 200), st.floats(0.1, 1), st.sampled_from([1e-4, 1e-3, 0.01, 0.1]), st.sampled_from([BOTH, TAILS]))
def test_people_at_large_never_have_the_higher_threshold(
    people: int, spread: float, fpir: float, tails: ImpostorTails
) -> None:
    faces = crowd(people, spread=spread)
    alike, anybody = (calibrate(people, faces, tails, fpir, kind) for kind in ("alike", "anybody"))
    assert anybody.threshold <= alike.threshold


@given(sizes, sizes, rates)
def test_threshold_for_people_at_large_rises_with_the_gallery(few: int, many: int, fpir: float) -> None:
    few, many = sorted((few, many))
    nobody = np.empty((0, 0), np.float32)
    assert (
        calibrate(few, nobody, BOTH, fpir, "anybody").threshold
        <= calibrate(many, nobody, BOTH, fpir, "anybody").threshold
    )


def test_people_at_large_are_worth_a_lower_threshold_until_one_s_own_people_say_who_comes() -> None:
    def gained(faces: np.ndarray) -> float:
        alike, anybody = (calibrate(len(faces), faces, BOTH, 1e-3, kind).threshold for kind in ("alike", "anybody"))
        return alike - anybody

    assert gained(crowd(10)) > 0.07
    assert 0 < gained(crowd(300, spread=0.25)) < 0.04


def test_a_calibration_says_whose_tails_it_rests_on() -> None:
    faces = crowd(10)
    kinds = [calibrate(10, faces, tails, 1e-3, "anybody").strangers_are for tails in (BOTH, TAILS)]
    assert kinds == ["anybody", "alike"]
