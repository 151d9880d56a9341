"""A gallery that follows the store is the one that would be loaded anew."""

from collections.abc import Collection
from contextlib import suppress
from random import Random
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import text

from daemon.errors import StoreError
from daemon.identity import Gallery
from daemon.identity import gallery as gallery_module
from daemon.identity.gallery import choose_sample
from daemon.store import GalleryNews, GallerySnapshot, NameTakenError, Store, UnknownPersonError
from daemon.store.errors import LastTemplateError
from tests.daemon.factories import MODEL, make_template, unit


class Followers(RuleBasedStateMachine):
    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        """One for all runs: each begins with whom the last one left."""
        self.follower = Gallery.load(store, MODEL)
        self.known = set(self.follower.ids)

    @rule(name=st.sampled_from("ABC"), seed=st.integers(1, 5), model=st.sampled_from([MODEL, "b" * 64]))
    def enrol(self, name: str, seed: int, model: str) -> None:
        self.store.people.enrol(name, make_template(unit(seed), model))

    @rule(name=st.sampled_from("ABC"), new=st.sampled_from("DEF"))
    def rename(self, name: str, new: str) -> None:
        with suppress(UnknownPersonError, NameTakenError):
            self.store.people.rename(name, new)

    @rule(name=st.sampled_from("ABCDEF"))
    def remove_photo(self, name: str) -> None:
        with suppress(UnknownPersonError, LastTemplateError):
            person = self.store.people.get(name)
            self.store.templates.remove(person.id, self.store.people.templates(person.id)[0].id)

    @rule(name=st.sampled_from("ABCDEF"))
    def erase(self, name: str) -> None:
        with suppress(UnknownPersonError):
            self.store.people.erase(name)

    @rule(probe=st.integers(1, 5))
    def follow(self, probe: int) -> None:
        self.follower.follow()
        anew = Gallery.load(self.store, MODEL)
        assert self.follower.match(unit(probe)) == anew.match(unit(probe))
        assert [self.follower.find(id) for id in anew.ids] == [anew.find(id) for id in anew.ids]
        assert (len(self.follower), self.follower.photos) == (len(anew), anew.photos)
        np.testing.assert_array_equal(self.follower.sample, anew.sample)
        assert self.follower.revision == anew.revision
        self.check_what_is_told(set(anew.ids))

    def check_what_is_told(self, now: set[int]) -> None:
        told, self.follower.changed = self.follower.changed, {}
        assert {id for id in told if id not in now} == self.known - now
        assert {id for id, was_known in told.items() if not was_known and id in now} == now - self.known
        self.known = now


@pytest.mark.parametrize("sampled", [2, 2048])
def test_follower_is_never_behind(store: Store, monkeypatch: pytest.MonkeyPatch, sampled: int) -> None:
    monkeypatch.setattr(gallery_module, "MOST_SAMPLED", sampled)
    limits = settings(max_examples=12, stateful_step_count=10, deadline=None)
    run_state_machine_as_test(lambda: Followers(store), settings=limits)


def test_older_copy_of_the_database_is_followed_too(store: Store) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    gallery = Gallery.load(store, MODEL)
    store.people.enrol("Bob", make_template(unit(2)))
    gallery.follow()
    with store.database.write() as session:
        session.execute(text("DELETE FROM people WHERE name = 'Bob'"))
        session.execute(text("UPDATE meta SET value = '1' WHERE key = 'gallery_revision'"))
    gallery.follow()
    assert (list(gallery.ids), gallery.revision) == ([ann.id], 1)


@given(st.lists(st.integers(1, 2**62), unique=True), st.integers(1, 20), st.randoms(use_true_random=False), st.data())
def test_who_is_sampled_depends_on_who_is_known_and_not_on_the_order(
    ids: list[int], most: int, random: Random, data: st.DataObject
) -> None:
    with patch.object(gallery_module, "MOST_SAMPLED", most):
        chosen, last_place = choose_sample(ids)
        assert len(chosen) == min(most, len(ids))
        assert set(chosen) <= set(ids)
        random.shuffle(ids)
        assert (set(choose_sample(ids)[0]), choose_sample(ids)[1]) == (set(chosen), last_place)
        # Whoever is not among them may come and go.
        others = set(ids) - set(chosen)
        left = data.draw(st.sets(st.sampled_from(sorted(others)))) if others else set[int]()
        assert set(choose_sample([*set(ids) - left])[0]) == set(chosen)


class FakePeople:
    """As much of a store as a gallery reads, and quick: people with one template each, and who changed when."""

    def __init__(self) -> None:
        self.known, self.log = set[int](), list[set[int]]()

    def change(self, came: set[int], gone: set[int]) -> None:
        self.known = self.known - gone | came
        self.log.append(came | gone)

    def changed(self, since: int | None = None) -> GalleryNews:
        changed = self.known if since is None else set[int]().union(*self.log[since:])
        return GalleryNews(len(self.log), sorted(changed))

    def gallery(self, model: str, ids: Collection[int]) -> GallerySnapshot:
        found = sorted(self.known.intersection(ids))
        faces = np.stack([unit(id) for id in found]) if found else np.empty((0, 0), np.float32)
        return GallerySnapshot(len(self.log), {id: f"P{id}" for id in found}, np.array(found, np.int64), faces)


some = st.sets(st.integers(1, 30))


@given(st.lists(st.tuples(some, some), max_size=6), st.integers(1, 8))
def test_sample_is_the_same_whatever_was_before(history: list[tuple[set[int], set[int]]], most: int) -> None:
    people = FakePeople()
    store = cast(Store, SimpleNamespace(people=people))
    with patch.object(gallery_module, "MOST_SAMPLED", most), patch.object(gallery_module, "READ_AT_ONCE", 5):
        follower = Gallery.load(store, MODEL)
        for came, gone in history:
            people.change(came, gone)
            follower.follow()
            anew = Gallery.load(store, MODEL).sample
            assert len(anew) == min(most, len(people.known))
            np.testing.assert_array_equal(follower.sample, anew)


def test_sample_is_like_drawn_by_chance() -> None:
    chosen, _ = choose_sample(range(1, 20_001))
    assert len(chosen) == 2048
    assert 9_500 < np.mean(chosen) < 10_500  # 115 is the standard deviation


def test_place_in_the_sample_is_given_anew_after_the_store_failed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_module, "MOST_SAMPLED", 3)
    for seed in range(1, 9):
        store.people.enrol(f"P{seed}", make_template(unit(seed)))
    gallery = Gallery.load(store, MODEL)
    first, _ = choose_sample(range(1, 9))
    store.people.erase(f"P{first[0]}")
    read, calls = store.people.gallery, list[object]()

    def fail_once(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:  # the first reads who changed
            raise StoreError("busy")
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store.people, "gallery", fail_once)
    with pytest.raises(StoreError, match="busy"):
        gallery.follow()
    gallery.follow()
    np.testing.assert_array_equal(gallery.sample, Gallery.load(store, MODEL).sample)
    assert len(gallery.sample) == 3
