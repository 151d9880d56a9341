import logging

import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.identity import Gallery
from daemon.identity.gallery import NOBODY
from daemon.identity.search import Precision
from daemon.store import Store
from tests.daemon.factories import MODEL, make_template, towards, unit

ROUNDED = 1e-3
"""Faces are kept in half precision."""


def mean(*seeds: int) -> NDArray[np.float32]:
    total = sum(unit(seed) for seed in seeds)
    return np.asarray(total / np.linalg.norm(total), np.float32)


def test_templates_of_a_person_are_compared_as_one(store: Store) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    bob = store.people.enrol("Bob", make_template(unit(2)))
    store.people.enrol("Ann", make_template(unit(3)))
    gallery = Gallery.load(store, MODEL)
    match = gallery.match(unit(3), incumbent=gallery.find(bob.id))
    assert match
    assert (match.person.id, match.person.name) == (ann.id, "Ann")
    assert match.score == pytest.approx(float(mean(1, 3) @ unit(3)), abs=ROUNDED)
    assert match.runner_up_score == match.incumbent_score == pytest.approx(float(unit(2) @ unit(3)), abs=ROUNDED)
    assert (gallery.photos, len(gallery.sample), sorted(gallery.ids)) == (3, 2, [ann.id, bob.id])


def test_only_person_has_no_runner_up(store: Store) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    match = Gallery.load(store, MODEL).match(unit(1))
    assert match
    assert (match.runner_up_score, match.incumbent_score) == (NOBODY, None)


def test_empty_gallery_matches_nobody(store: Store) -> None:
    assert Gallery.load(store, MODEL).match(unit(1)) is None


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_incumbent_who_is_not_among_the_best_has_a_score(store: Store, precision: Precision) -> None:
    people = [store.people.enrol(f"P{seed}", make_template(unit(seed))) for seed in range(1, 6)]
    gallery = Gallery.load(store, MODEL, precision)
    for seed, person in enumerate(people, 1):
        match = gallery.match(unit(1), gallery.find(person.id))
        assert match
        assert match.person.id == people[0].id
        assert match.incumbent_score == pytest.approx(float(unit(seed) @ unit(1)), abs=ROUNDED)


def test_rounded_faces_are_refined_by_the_stored_templates(store: Store) -> None:
    """Two people who are one to 8 bits are told apart, and who was erased a moment ago is not named."""
    people = {
        name: store.people.enrol(name, make_template(towards(unit(1), cosine, seed)))
        for name, cosine, seed in (("Ann", 0.95, 7), ("Bob", 0.9501, 8), ("Eve", 0.9502, 9))
    }
    gallery = Gallery.load(store, MODEL, "int8")
    store.people.erase("Eve")
    for _ in range(2):
        match = gallery.match(unit(1), people["Ann"])
        assert match
        assert match.person.id == people["Bob"].id
        assert match.score == pytest.approx(0.9501, abs=1e-6)
        assert match.runner_up_score == match.incumbent_score == pytest.approx(0.95, abs=1e-6)
    store.people.erase("Bob")
    gallery.follow()
    match = gallery.match(unit(1))
    assert match
    assert (match.person.id, match.runner_up_score) == (people["Ann"].id, NOBODY)


def test_people_without_template_of_this_model_are_told_loudly(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.people.enrol("Zacharias", make_template(unit(1), model="b" * 64))
    with caplog.at_level(logging.WARNING):
        assert len(Gallery.load(store, MODEL)) == 0
    assert "people=1 without_template=1" in caplog.text
    assert "deconvid people reembed" in caplog.text
    assert "Zacharias" not in caplog.text
