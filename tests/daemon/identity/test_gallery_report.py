import numpy as np
import pytest

from daemon.identity.calibration import calibrate
from daemon.identity.gallery_report import GalleryReport, report
from daemon.identity.rehearsal import Rehearsal
from daemon.store import GallerySnapshot
from engine.impostors import ImpostorTail, ImpostorTails, LookTails, Strangers
from tests.daemon.factories import towards, unit

TAIL = ImpostorTail(above=0.42, share=0.02, scale=0.06, shape=-0.14)
AT_LARGE = LookTails(track=TAIL.model_copy(update={"above": 0.34}), photos=TAIL)
TAILS = ImpostorTails(track=TAIL, photos=TAIL, tracks=TAIL, anybody=AT_LARGE)
NO_SAMPLE = np.empty((0, 0), np.float32)


def gallery(*people: list[np.ndarray]) -> GallerySnapshot:
    """People with ids from 1, named after them."""
    return GallerySnapshot(
        1,
        {id: f"Person {id}" for id in range(1, len(people) + 1)},
        np.array([id for id, own in enumerate(people, 1) for _ in own], np.int64),
        np.array([embedding for own in people for embedding in own], np.float32),
    )


def about(
    snapshot: GallerySnapshot,
    fixed: float | None = None,
    strangers_are: Strangers = "alike",
    tails: ImpostorTails = TAILS,
    fpir: float = 0.001,
) -> GalleryReport:
    people = len(set(snapshot.person_ids.tolist()))
    calibration = calibrate(people, NO_SAMPLE, tails, fpir, strangers_are)
    return report(snapshot, NO_SAMPLE, tails, calibration, margin=0.05, fixed=fixed)


def photos(face: int, count: int = 3, cosine: float = 0.95) -> list[np.ndarray]:
    return [towards(unit(face), cosine, seed=100 * face + n) for n in range(count)]


def test_each_photo_is_looked_for_among_the_others() -> None:
    one, two = photos(1, 2)
    rehearsal = Rehearsal.of(gallery([one, two], [unit(2)]))
    assert rehearsal.own[:2] == pytest.approx([float(one @ two)] * 2, abs=1e-5)
    assert np.isnan(rehearsal.own[2])
    both = (one + two) / np.linalg.norm(one + two)
    assert rehearsal.other == pytest.approx([one @ unit(2), two @ unit(2), unit(2) @ both], abs=1e-5)


def test_misses_are_those_below_the_threshold_or_within_the_margin() -> None:
    lone = [towards(unit(1), 0.3, 7), *photos(1)]
    rehearsal = Rehearsal.of(gallery(lone, photos(2)))
    assert rehearsal.is_missed(0.6, 0.0).tolist() == [True] + [False] * 6
    assert rehearsal.is_missed(0.6, 1.5).all()
    misses = rehearsal.misses(0.6, 0.0)
    assert misses
    assert (misses.value, misses.of) == (pytest.approx(1 / 7), 7)
    assert misses.low <= misses.value <= misses.high


def test_few_people_without_a_miss_prove_little_and_many_more() -> None:
    six = Rehearsal.of(gallery(*(photos(face) for face in range(1, 7))))
    none, every = six.misses(0.5, 0.0), six.misses(0.5, 2.0)
    assert none
    assert every
    bound = 1 - 0.025 ** (1 / 6)  # 46 %: Clopper and Pearson's for 0 of 6
    assert (none.value, none.low, none.high, none.of) == (0, 0, pytest.approx(bound), 18)
    assert (every.value, every.low, every.high) == (1, pytest.approx(1 - bound), 1)
    many = Rehearsal.of(gallery(*(photos(face) for face in range(1, 31)))).misses(0.5, 0.0)
    assert many
    assert 0 < many.high < none.high
    false_names = six.false_names(0.99)
    assert false_names
    assert (false_names.low, false_names.high) == (0, pytest.approx(bound))


@pytest.mark.parametrize("people", [[], [[unit(1)]], [[unit(1)], [unit(2)]]])
def test_galleries_that_say_little_are_reported_all_the_same(people: list[list[np.ndarray]]) -> None:
    found = about(gallery(*people))
    assert (found.people, found.in_force.misses, found.look_alikes) == (len(people), None, ())
    assert all(point.misses is None for point in found.points)


def test_a_rarer_rate_costs_misses() -> None:
    found = about(gallery(*(photos(face, 4, cosine=0.75) for face in range(1, 12))))
    for kind in ("alike", "anybody"):
        points = [point for point in found.points if point.strangers_are == kind]
        assert [point.threshold for point in points] == sorted((p.threshold for p in points), reverse=True)
        misses = [point.misses.value for point in points if point.misses]
        assert misses == sorted(misses, reverse=True)
        assert misses[0] > misses[-1]


def test_what_strangers_are_is_told_side_by_side_for_each_rate_and_the_one_that_is_set() -> None:
    found = about(gallery(photos(1), photos(2)), strangers_are="anybody", fpir=0.005)
    assert [(p.fpir, p.strangers_are) for p in found.points[4:6]] == [(0.005, "alike"), (0.005, "anybody")]
    alike, anybody = (point.threshold for point in found.points[4:6])
    assert (found.in_force.strangers_are, found.in_force.threshold) == ("anybody", anybody)
    assert anybody == pytest.approx(alike - 0.08)


def test_a_model_that_does_not_know_people_at_large_tells_of_those_who_are_alike() -> None:
    bare = TAILS.model_copy(update={"anybody": None})
    found = about(gallery(photos(1), photos(2)), strangers_are="anybody", tails=bare)
    assert {point.strangers_are for point in (found.in_force, *found.points)} == {"alike"}


def test_the_override_is_told_with_the_rate_that_it_means() -> None:
    found = about(gallery(photos(1), photos(2)), fixed=0.5)
    assert found.is_fixed
    assert found.in_force.threshold == 0.5
    assert found.in_force.fpir == pytest.approx(1 - (1 - TAIL.rate(0.5)) ** 2)


def test_the_override_s_rate_is_that_of_whom_the_operator_expects() -> None:
    found = about(gallery(photos(1), photos(2)), fixed=0.5, strangers_are="anybody")
    assert found.in_force.fpir == pytest.approx(1 - (1 - AT_LARGE.track.rate(0.5)) ** 2)


def test_everybody_with_a_fault_gets_advice_and_nobody_else() -> None:
    twin = photos(1)
    one, two, three = photos(4)
    found = about(
        gallery(twin, [towards(face, 0.97, 5) for face in twin], photos(3), [one, one, two, three], [unit(5)])
    )
    assert {id: len(texts) for id, texts in found.advice.items()} == {1: 2, 2: 2, 4: 1, 5: 1}
    assert "looks like Person 2" in found.advice[1][0]
    assert "would not be recognised" in found.advice[1][1]  # the margin to the twin is missing
    assert "photos 1 and 2 are one picture" in found.advice[4][0]
    assert "has fewer than 3 photos (1)" in found.advice[5][0]
    assert [(pair.person_ids) for pair in found.look_alikes] == [(1, 2)]


def test_a_photo_of_somebody_else_is_advised_about() -> None:
    found = about(gallery([*photos(1), unit(9)], photos(2)))
    assert [(misfit.person_id, misfit.places) for misfit in found.misfits] == [(1, (3,))]
    assert "photo 4 of 4 is unlike the others" in found.advice[1][0]
