import logging

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.identity import Gallery, TrackFusion
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


def test_fusion_weighs_by_quality() -> None:
    fusion = TrackFusion()
    fusion.add(unit(1), 0.9)
    fusion.add(unit(2), 0.1)
    fused = fusion.embedding()
    assert fused is not None
    assert fused @ unit(1) > 0.95
    assert np.linalg.norm(fused) == pytest.approx(1, abs=1e-5)


def test_fusion_of_nothing_is_nothing() -> None:
    assert TrackFusion().embedding() is None


@pytest.mark.parametrize(("quality", "looks"), [(1.0, 7), (0.25, 16)])
@given(past=st.lists(st.floats(0.25, 1), min_size=1, max_size=300))
@example(past=[1.0] * 300)
def test_who_takes_over_a_track_outweighs_any_past(past: list[float], quality: float, looks: int) -> None:
    fusion = TrackFusion()
    for each in past:
        fusion.add(unit(1), each)
    for _ in range(looks):
        fusion.add(unit(2), quality)
    fused = fusion.embedding()
    assert fused is not None
    assert fused @ unit(2) > fused @ unit(1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_fusion_of_equal_looks_is_that_look(qualities: list[float]) -> None:
    fusion, look = TrackFusion(), towards(unit(1), 0.5)
    for quality in qualities:
        fusion.add(look, quality)
    fused = fusion.embedding()
    assert fused is not None
    np.testing.assert_allclose(fused, look, atol=1e-5)
