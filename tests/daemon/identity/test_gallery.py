import logging

import pytest

from daemon.identity import Gallery
from daemon.identity.gallery import NOBODY
from daemon.store import Store
from tests.daemon.factories import MODEL, make_template, towards, unit


def test_best_template_of_each_person_counts(store: Store) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    bob = store.people.enrol("Bob", make_template(unit(2)))
    store.people.enrol("Ann", make_template(unit(3)))
    gallery = Gallery.load(store, MODEL)
    match = gallery.match(unit(3), incumbent=gallery.find(bob.id))
    assert match
    assert (match.person.id, match.person.name) == (ann.id, "Ann")
    assert match.score == pytest.approx(1, abs=1e-5)
    assert match.runner_up_score == match.incumbent_score == pytest.approx(float(unit(2) @ unit(3)), abs=1e-5)


def test_only_person_has_no_runner_up(store: Store) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    match = Gallery.load(store, MODEL).match(unit(1))
    assert match
    assert (match.runner_up_score, match.incumbent_score) == (NOBODY, None)


def test_empty_gallery_matches_nobody(store: Store) -> None:
    assert Gallery.load(store, MODEL).match(unit(1)) is None


def test_people_without_template_of_this_model_are_told_loudly(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.people.enrol("Zacharias", make_template(unit(1), model="b" * 64))
    with caplog.at_level(logging.WARNING):
        assert Gallery.load(store, MODEL).people == ()
    assert "people=1 without_template=1" in caplog.text
    assert "deconvid people add" in caplog.text
    assert "Zacharias" not in caplog.text
