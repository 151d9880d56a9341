import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from daemon.identity.crowd_change import crowd_change
from daemon.identity.sightings import Sighting, StrangerRules, see
from daemon.identity.strangers import Crowd
from daemon.store import NewEvent, Store, StoreUnusableError
from daemon.store.errors import CrowdChangedError, NoLikenessError, UnknownStrangerError
from daemon.store.schema import AuditRow, StrangerTemplateRow
from daemon.store.stranger_records import Likeness, StrangerEntry, id_of, label_of
from daemon.store.strangers import Deed
from tests.daemon.factories import MODEL, towards, unit

RULES = StrangerRules(threshold=0.5, hysteresis=0.1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CROP = b"\xff\xd8\xff face of a stranger"


def said(stranger: str = "unknown-1", kind: str = "face.left") -> tuple[NewEvent, Callable[[int], str]]:
    event = NewEvent(kind=kind, camera="door", track="t1", person_id=None, at=NOON)
    return event, lambda sequence: json.dumps({"kind": kind, "sequence": sequence, "stranger": stranger})


def meet(store: Store, embedding: np.ndarray, minutes: int = 0, camera: str = "door") -> int:
    snapshot = store.strangers.snapshot(MODEL)
    older = Crowd.of(snapshot)
    id = snapshot.newest_likeness + 1
    at = NOON + timedelta(minutes=minutes)
    newer, outcome = see(older, Sighting(Likeness(id, embedding, 0.8, camera, at), at), RULES)
    change = crowd_change(
        older, newer, revision=snapshot.revision, model_digest=MODEL, crops={id: CROP}, merged=outcome.merged
    )
    store.strangers.apply(change)
    return outcome.stranger


def actions(store: Store) -> list[tuple[str, str]]:
    with store.database.read() as session:
        return [(row.action, row.subject) for row in session.scalars(select(AuditRow).order_by(AuditRow.sequence))]


def test_crowd_comes_back_as_it_was_stored(store: Store) -> None:
    assert (meet(store, unit(1)), meet(store, unit(2), 1), meet(store, towards(unit(1), 0.8), 2, "yard")) == (1, 2, 1)
    snapshot = store.strangers.snapshot(MODEL)
    assert (snapshot.revision, snapshot.newest, snapshot.newest_likeness) == (3, 2, 3)
    first = snapshot.strangers[1]
    assert (first.state, first.sightings, first.last_seen) == ("open", 2, NOON + timedelta(minutes=2))
    np.testing.assert_array_equal(first.likenesses[0].embedding, unit(1))
    assert store.strangers.snapshot("b" * 64).strangers == {}, "of another model nothing can be compared"
    assert [entry.id for entry in store.strangers.entries()] == [1, 2], "who was seen last comes first"
    assert store.strangers.entry(1) == StrangerEntry(
        1, "open", NOON, NOON + timedelta(minutes=2), 2, ("door", "yard"), 2, None, None
    )
    assert [crop.jpeg for crop in store.strangers.crops(1)] == [CROP, CROP]


def test_two_who_turn_out_one_are_stored_as_one_and_the_other_number_still_tells_who(store: Store) -> None:
    left, right = towards(unit(1), 0.3, seed=2), unit(1)
    meet(store, left), meet(store, right, 1), meet(store, (left + right) / np.linalg.norm(left + right), 2)
    assert len(store.strangers.snapshot(MODEL).strangers[1].likenesses) == 3
    gone = store.strangers.entry(2)
    assert (gone.state, gone.merged_into, gone.likenesses) == ("merged", 1, 0)
    assert len(store.strangers.crops(1)) == 3, "what was sealed for the other one opens"


def test_change_on_an_older_revision_is_refused_whole(store: Store) -> None:
    meet(store, unit(1))
    snapshot = store.strangers.snapshot(MODEL)
    older = Crowd.of(snapshot)
    meet(store, unit(2))
    change = crowd_change(older, older.ignore(1), revision=snapshot.revision, model_digest=MODEL)
    with pytest.raises(CrowdChangedError):
        store.strangers.apply(change, [Deed("strangers.ignore", 1)])
    assert store.strangers.entry(1).state == "open"
    assert actions(store) == []


def test_who_was_told_apart_stays_so_over_a_restart(store: Store) -> None:
    meet(store, unit(1)), meet(store, unit(1), 1)
    snapshot = store.strangers.snapshot(MODEL)
    older = Crowd.of(snapshot)
    newer, new = older.split(1, [2])
    change = crowd_change(older, newer, revision=snapshot.revision, model_digest=MODEL)
    store.strangers.apply(change, [Deed("strangers.split", 1)], [said(kind="stranger.split")])
    again = store.strangers.snapshot(MODEL)
    assert (new, again.apart, set(again.strangers)) == (2, {(1, 2)}, {1, 2})
    assert len(store.strangers.crops(2)) == 1
    assert actions(store) == [("strangers.split", "stranger:1")]
    assert [event.kind for event in store.events.since(0)] == ["stranger.split"]


def test_named_stranger_is_a_person_with_all_likenesses_and_is_told_of(store: Store) -> None:
    meet(store, unit(1)), meet(store, towards(unit(1), 0.9), 1)
    person = store.strangers.name(1, "Zoë", lambda person, entry: said(f"{label_of(entry.id)} {person.name}"))
    assert [template.crop for template in store.people.templates(person.id)] == [CROP, CROP]
    np.testing.assert_array_equal(store.people.gallery(MODEL).embeddings[0], unit(1))
    named = store.strangers.entry(1)
    assert (named.state, named.person, named.likenesses, named.sightings) == ("named", "Zoë", 0, 2)
    assert ("strangers.name", "stranger:1") in actions(store)
    assert "unknown-1 Zo" in store.events.since(0)[-1].payload
    with pytest.raises(NoLikenessError, match="enrolled as Zoë"):
        store.strangers.name(1, "Ann", lambda person, entry: said())


def test_erasing_a_person_forgets_the_stranger_whom_they_were(store: Store) -> None:
    meet(store, unit(1))
    store.strangers.name(1, "Zoë", lambda person, entry: said())
    store.people.erase("Zoë")
    assert store.strangers.entries() == []
    assert '"stranger": null' in store.events.since(0)[0].payload.replace('":null', '": null')


def test_forgetting_destroys_key_rows_pictures_and_the_number_in_events(store: Store, tmp_path: Path) -> None:
    meet(store, unit(1)), meet(store, unit(2))
    store.events.append_many([said("unknown-1"), said("unknown-2")])
    store.strangers.forget([1], "strangers.forget")
    with pytest.raises(UnknownStrangerError, match="unknown-1"):
        store.strangers.entry(1)
    assert "stranger:1" not in store.vault.ring.held()
    assert "stranger:2" in store.vault.ring.held()
    assert [json.loads(event.payload)["stranger"] for event in store.events.since(0)] == [None, "unknown-2"]
    assert actions(store) == [("strangers.forget", "stranger:1")]
    assert meet(store, unit(1)) == 3, "a number is given once"


def test_nothing_of_a_stranger_lies_in_the_clear(store: Store) -> None:
    meet(store, unit(1))
    with store.database.read() as session:
        row = session.scalars(select(StrangerTemplateRow)).one()
    assert CROP not in row.crop
    assert unit(1).tobytes()[:64] not in row.embedding


def test_who_was_not_seen_for_long_is_found(store: Store) -> None:
    meet(store, unit(1)), meet(store, unit(2), 10)
    assert store.strangers.not_seen_since("open", NOON + timedelta(minutes=5)) == [1]
    assert store.strangers.not_seen_since("ignored", NOON + timedelta(minutes=5)) == []


def test_without_the_key_ring_nothing_is_stored(store: Store) -> None:
    store.vault.ring.path.unlink()
    with pytest.raises(StoreUnusableError):
        meet(store, unit(1))
    assert store.strangers.entries() == []


@pytest.mark.parametrize(
    ("label", "id"), [("unknown-12", 12), ("12", 12), ("Ann", None), ("-3", None), ("1" * 19, None)]
)
def test_numbers_are_read_as_they_are_written(label: str, id: int | None) -> None:
    assert id_of(label) == id
