"""A gallery that follows the store is the one that would be loaded anew."""

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import text

from daemon.identity import Gallery
from daemon.store import NameTakenError, Store, UnknownPersonError
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
        assert self.follower.revision == anew.revision
        self.check_what_is_told(set(anew.ids))

    def check_what_is_told(self, now: set[int]) -> None:
        told, self.follower.changed = self.follower.changed, {}
        assert {id for id in told if id not in now} == self.known - now
        assert {id for id, was_known in told.items() if not was_known and id in now} == now - self.known
        self.known = now


def test_follower_is_never_behind(store: Store) -> None:
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
