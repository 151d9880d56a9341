"""The same strangers in whatever order their faces come; one where two turn out one, two where one turns out two."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.identity.coherence import halves, thinned
from daemon.identity.sightings import Outcome, Sighting, StrangerRules, see
from daemon.identity.strangers import Crowd
from daemon.store.stranger_records import Likeness
from tests.daemon.factories import DIMENSION, towards, unit

RULES = StrangerRules(threshold=0.5, hysteresis=0.1, most_likenesses=8, most_strangers=50)
MORNING = datetime(2026, 1, 1, tzinfo=UTC)


def likeness(id: int, embedding: np.ndarray, quality: float = 0.8, minutes: int | None = None) -> Likeness:
    return Likeness(id, embedding, quality, "door", MORNING + timedelta(minutes=id if minutes is None else minutes))


def look(person: int, seed: int, cosine: float = 0.8) -> np.ndarray:
    """A face of somebody: two of a person's have a cosine near 0.64, two of different people near 0."""
    return towards(unit(person), cosine, seed=1000 + seed)


def see_face(
    crowd: Crowd, face: Likeness, rules: StrangerRules = RULES, others: tuple[int, ...] = ()
) -> tuple[Crowd, Outcome]:
    return see(crowd, Sighting(face, face.seen_at, others), rules)


def parade(faces: Iterable[Likeness], rules: StrangerRules = RULES) -> tuple[Crowd, dict[int, int]]:
    """Returns the crowd, and who each face was in the end."""
    crowd, who = Crowd(), dict[int, int]()
    for face in faces:
        crowd, outcome = see_face(crowd, face, rules)
        who[face.id] = outcome.stranger
        who = {id: outcome.merged.get(stranger, stranger) for id, stranger in who.items()}
    return crowd, who


def groups(who: dict[int, int]) -> set[frozenset[int]]:
    return {frozenset(id for id, one in who.items() if one == stranger) for stranger in who.values()}


numbered = st.lists(st.integers(1, 6), min_size=1, max_size=24).map(enumerate).map(list)
"""Who is shown in each face."""


@given(numbered.flatmap(st.permutations))
@settings(deadline=None)
def test_people_told_apart_are_the_same_in_any_order(shown: list[tuple[int, int]]) -> None:
    _, who = parade(likeness(id, look(person, id), minutes=minutes) for minutes, (id, person) in enumerate(shown))
    assert groups(who) == groups(dict(shown))


directions = st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda parts: sum(map(abs, parts)) > 0.01)


def in_space(parts: list[float]) -> np.ndarray:
    """One of three dimensions, so that faces lie close to each other and between each other."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[:3] = parts
    return vector / np.linalg.norm(vector)


@given(st.lists(directions, max_size=30))
@settings(deadline=None)
def test_whatever_comes_the_crowd_is_sound(faces: list[list[float]]) -> None:
    rules = StrangerRules(threshold=0.5, hysteresis=0.1, most_likenesses=4, most_strangers=3)
    crowd, ids = Crowd(), set[int]()
    for number, face in enumerate(faces):
        before = crowd
        crowd, outcome = see_face(crowd, likeness(number, in_space(face)), rules)
        new = set(crowd.strangers) - set(before.strangers)
        assert not new & ids, "a number is given once"
        ids |= new
        assert outcome.stranger in crowd.strangers
        assert len(crowd.strangers) <= rules.most_strangers
        assert all(gone not in crowd.strangers and gone > into for gone, into in outcome.merged.items())
        held = [one.id for stranger in crowd.strangers.values() for one in stranger.likenesses]
        assert len(held) == len(set(held)), "a likeness is one stranger's"
        for id, stranger in crowd.strangers.items():
            assert id == stranger.id <= crowd.newest
            assert 1 <= len(stranger.likenesses) <= rules.most_likenesses
            assert stranger.sightings >= len(stranger.likenesses)
            assert stranger.first_seen <= stranger.last_seen


def test_two_who_turn_out_one_are_one_under_the_older_number() -> None:
    left, right = towards(unit(1), 0.3, seed=2), unit(1)
    between = (left + right) / np.linalg.norm(left + right)
    crowd, who = parade([likeness(1, left), likeness(2, right), likeness(3, between)])
    assert groups(who) == {frozenset({1, 2, 3})}
    [stranger] = crowd.strangers.values()
    assert (stranger.id, stranger.sightings, crowd.newest) == (1, 3, 2)
    assert (stranger.first_seen, stranger.last_seen) == (MORNING + timedelta(minutes=1), MORNING + timedelta(minutes=3))


def test_one_who_turns_out_two_is_two_and_the_first_seen_keeps_the_number() -> None:
    ann, bob = unit(1), unit(5)
    bridge = (ann + bob) / np.linalg.norm(ann + bob)
    faces = [likeness(1, ann), likeness(2, bridge), likeness(3, towards(ann, 0.9)), likeness(4, towards(bob, 0.95))]
    crowd, who = parade(faces)
    assert groups(who) == {frozenset({1, 2, 3, 4})}, "one face of Bob's is no evidence"
    crowd, outcome = see_face(crowd, likeness(5, bob))
    assert outcome == Outcome(2, split={2: 1})
    assert {one.id for one in crowd.strangers[1].likenesses} >= {1, 3}
    assert {one.id for one in crowd.strangers[2].likenesses} >= {4, 5}


def test_whom_an_operator_split_no_sighting_makes_one_again() -> None:
    crowd, _ = parade([likeness(id, unit(1)) for id in (1, 2, 3)])
    crowd, new = crowd.split(1, [2])
    crowd, outcome = see_face(crowd, likeness(4, unit(1)))
    assert (new, set(crowd.strangers), outcome.merged) == (2, {1, 2}, {})


def test_who_is_merged_hands_on_from_whom_they_are_told_apart() -> None:
    crowd, _ = parade([likeness(1, unit(1)), likeness(2, unit(1)), likeness(3, unit(3))])
    crowd, new = crowd.split(1, [2])
    crowd = crowd.merge(new, 2, most_likenesses=8)
    assert (new, crowd.apart) == (3, {(1, 2)})


def test_two_in_one_picture_are_two_for_ever() -> None:
    crowd, _ = parade([likeness(1, look(1, 1))])
    crowd, outcome = see_face(crowd, likeness(2, look(1, 2)), others=(1,))
    assert (outcome, crowd.apart) == (Outcome(2, is_new=True), {(1, 2)})
    crowd, outcome = see_face(crowd, likeness(3, look(1, 3)))
    assert (set(crowd.strangers), outcome.merged) == ({1, 2}, {})


def test_others_who_do_not_resemble_are_not_noted() -> None:
    crowd, _ = parade([likeness(1, look(1, 1))])
    crowd, _ = see_face(crowd, likeness(2, look(5, 2)), others=(1,))
    assert crowd.apart == frozenset()


@pytest.mark.parametrize("leaving", [[], [1], [7]])
def test_split_leaves_a_likeness_on_either_side(leaving: list[int]) -> None:
    crowd, _ = parade([likeness(1, look(1, 1))])
    with pytest.raises(ValueError, match="a likeness each"):
        crowd.split(1, leaving)


def test_ignored_stranger_is_recognised_counted_and_learns_nothing() -> None:
    crowd, _ = parade([likeness(1, look(1, 1))])
    crowd, outcome = see_face(crowd.ignore(1), likeness(2, look(1, 2)))
    assert outcome == Outcome(1)
    ignored = crowd.strangers[1]
    assert (ignored.state, ignored.sightings, len(ignored.likenesses)) == ("ignored", 2, 1)


def test_who_was_away_for_longest_is_forgotten_first_and_nobody_who_is_ignored() -> None:
    rules = StrangerRules(threshold=0.5, hysteresis=0.1, most_strangers=2)
    crowd, _ = parade([likeness(1, unit(1))], rules)
    crowd = crowd.ignore(1)
    for id in (2, 3, 4):
        crowd, _ = see_face(crowd, likeness(id, unit(id)), rules)
    assert set(crowd.strangers) == {1, 3, 4}


def test_of_too_many_likenesses_the_worse_of_the_most_alike_goes() -> None:
    kept = thinned([likeness(1, unit(1), 0.5), likeness(2, towards(unit(1), 0.95), 0.9), likeness(3, unit(3), 0.1)], 2)
    assert [one.id for one in kept] == [2, 3]


@given(st.permutations(range(6)))
def test_halves_are_the_same_in_any_order(order: list[int]) -> None:
    faces = [likeness(id, look(1 + id % 2, id)) for id in range(6)]
    sides = halves([faces[place] for place in order], 0.4)
    assert sides
    assert [[one.id for one in side] for side in sides] in ([[0, 2, 4], [1, 3, 5]], [[1, 3, 5], [0, 2, 4]])


def test_faces_of_one_person_have_no_halves() -> None:
    assert halves([likeness(id, look(1, id)) for id in range(8)], 0.4) is None
