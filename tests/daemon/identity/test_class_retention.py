from datetime import UTC, datetime, timedelta
from pathlib import Path

from config import RetentionSettings
from daemon.events.schema import Identified, Person, decode_event, rfc3339_of
from daemon.events.writer import told_with
from daemon.identity.class_retention import ClassRetention, find_overdue
from daemon.identity.crowd_change import crowd_change
from daemon.identity.sightings import Sighting, StrangerRules, see
from daemon.identity.strangers import Crowd
from daemon.store import Store
from daemon.store.pictures import SNAPSHOTS_FOLDER
from daemon.store.stranger_records import Likeness
from tests.daemon.factories import MODEL, make_template, unit

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def meet(store: Store, id: int, at: datetime, ignored: bool = False) -> None:
    snapshot = store.strangers.snapshot(MODEL)
    older = Crowd.of(snapshot)
    newer, outcome = see(older, Sighting(Likeness(id, unit(id), 0.8, "door", at), at), StrangerRules(0.5, 0.05))
    newer = newer.ignore(outcome.stranger) if ignored else newer
    store.strangers.apply(crowd_change(older, newer, revision=snapshot.revision, model_digest=MODEL))


def tell(store: Store, person: int, name: str, at: datetime) -> None:
    event = Identified(
        camera="door",
        track="t1",
        captured_at=rfc3339_of(at),
        person=Person(person, name),
        score=0.9,
        snapshot=f"door/{name}.jpg",
    )
    store.events.append_many([told_with(event, store.epoch)])


def remembered(store: Store) -> set[int]:
    return {entry.id for entry in store.strangers.entries()}


def test_each_class_has_its_time(store: Store) -> None:
    meet(store, 1, days_ago(31)), meet(store, 2, days_ago(29)), meet(store, 3, days_ago(31), ignored=True)
    settings = RetentionSettings(unknown_days=30, ignored_days=365)
    assert find_overdue(store, settings, NOW).strangers == [1]
    ClassRetention(store, settings, lambda: NOW).enforce()
    assert remembered(store) == {2, 3}
    assert "stranger:1" not in store.vault.ring.held()
    assert [(entry.action, entry.subject) for entry in store.audit.entries(9)] == [("strangers.expire", "stranger:1")]


def test_unset_is_never(store: Store) -> None:
    meet(store, 1, days_ago(5000)), meet(store, 2, days_ago(5000), ignored=True)
    settings = RetentionSettings(unknown_days=None, ignored_days=None)
    assert ClassRetention(store, settings, lambda: NOW).forget_some() == 0
    assert remembered(store) == {1, 2}


def test_names_and_pictures_leave_old_events_which_stay(store: Store, tmp_path: Path) -> None:
    person = store.people.enrol("Ann", make_template(unit(1)))
    pictures = tmp_path / SNAPSHOTS_FOLDER / "door"
    pictures.mkdir(parents=True)
    for name, days in (("old", 8), ("new", 6)):
        (pictures / f"{name}.jpg").touch()
        tell(store, person.id, name, days_ago(days))
    settings = RetentionSettings(known_days=7)
    assert find_overdue(store, settings, NOW).events_with_names == 1
    ClassRetention(store, settings, lambda: NOW).enforce()
    old, new = (decode_event(stored.payload) for stored in store.events.since(0))
    assert isinstance(old, Identified)
    assert isinstance(new, Identified)
    assert (old.person, old.snapshot) == (None, None)
    assert new.person
    assert [path.name for path in pictures.iterdir()] == ["new.jpg"]
    assert store.people.get("Ann").template_count == 1, "who is enrolled stays enrolled"


def test_key_that_could_not_be_destroyed_is_destroyed_later(store: Store) -> None:
    meet(store, 1, days_ago(31))
    retention = ClassRetention(store, RetentionSettings(), lambda: NOW)
    ring = store.vault.ring.path
    ring.rename(ring.with_suffix(".away"))
    retention.enforce()
    ring.with_suffix(".away").rename(ring)
    assert "stranger:1" in store.vault.ring.held()
    retention.forget_some()
    assert remembered(store) == set()
    assert "stranger:1" not in store.vault.ring.held()
