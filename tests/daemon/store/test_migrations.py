"""Databases of released programs, as they were: what they hold is not lost."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from daemon.events import CameraChanged, Corrected, Identified, Left, Person, decode_event
from daemon.store import MasterKey, Store
from daemon.store.migrate import MIGRATIONS
from daemon.store.vault import Vault
from tests.daemon.factories import MODEL, make_event, make_template, unit

HEAD = {"version": 1, "epoch": "one", "camera": "door", "captured_at": "2026-01-01T00:00:00.000000Z"}
FACE = HEAD | {"track": "t1", "published_at": "", "score": 0.75, "box": [1.5, 2, 3, 4], "frame_size": [640, 480]}
ANN = {"id": 1, "name": "Ann"}
RELEASED: list[dict[str, Any]] = [
    FACE | {"kind": "identified", "person": ANN, "latency_ms": 1.5},
    FACE | {"kind": "corrected", "person": None, "latency_ms": 1.5, "corrects": 1},
    FACE | {"kind": "left", "person": None, "first_seen_at": "a", "last_seen_at": "b"},
    FACE | {"kind": "camera", "track": None, "person": None, "score": None, "state": "streaming", "detail": "é"},
]


def vault_of(path: Path) -> Vault:
    return Vault.beside(path, MasterKey.of(None, path.parent))


def make_database(path: Path, revision: str) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        config.attributes["vault"] = vault_of(path)
        command.upgrade(config, revision)
    engine.dispose()


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A database of revision 0001, in which the first events were deleted already."""
    path = tmp_path / "db"
    make_database(path, "0001")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE meta SET value = 'one' WHERE key = 'epoch'")
        database.execute("INSERT INTO people VALUES (1, 'Ann', 'ann', 0)")
        for sequence, event in enumerate(RELEASED, 11):
            person = event["person"]["id"] if event["person"] else None
            payload = json.dumps(event | {"sequence": sequence})
            row = (sequence, event["kind"], "door", event["track"], person, 5, payload)
            database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return path


def test_events_of_version_1_become_events_of_version_2(released: Path) -> None:
    with Store.open(released) as store:
        stored = store.events.since(0)
    assert [event.kind for event in stored] == ["face.identified", "face.corrected", "face.left", "camera.state"]
    events = [decode_event(event.payload) for event in stored]
    assert all(
        (event.version, event.epoch, event.kind) == (2, "one", row.kind)
        for event, row in zip(events, stored, strict=True)
    )
    identified, corrected, left, state = events
    assert isinstance(identified, Identified)
    assert isinstance(corrected, Corrected)
    assert isinstance(left, Left)
    assert isinstance(state, CameraChanged)
    assert (identified.person, identified.box, identified.score) == (Person(1, "Ann"), (1.5, 2, 3, 4), 0.75)
    assert (corrected.corrects, left.last_seen_at, state.state, state.detail) == (1, "b", "streaming", "é")
    assert json.loads(stored[-1].payload).keys().isdisjoint({"track", "person", "score", "box", "frame_size"})
    assert [event.sequence for event in events] == [11, 12, 13, 14]


def test_people_stay_erasable(released: Path) -> None:
    with Store.open(released) as store:
        store.people.erase("Ann")
        assert "Ann" not in str(store.events.since(0))


def test_sequence_goes_on(released: Path) -> None:
    with Store.open(released) as store:
        assert store.events.append(make_event(), lambda n: "{}").sequence == 15


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_templates_are_sealed_and_no_longer_in_the_clear(tmp_path: Path, revision: str) -> None:
    released = tmp_path / "db"
    make_database(released, revision)
    clear = {"embedding": unit(3).tobytes(), "crop": b"JPEGDATA" * 20}
    with closing(sqlite3.connect(released)) as database, database:
        database.execute("INSERT INTO people VALUES (1, 'Ann', 'ann', 0)")
        for id in range(1, 60):
            row = (id, 1, clear["embedding"], MODEL, 0.9, clear["crop"], "ann.jpg", 5)
            database.execute("INSERT INTO templates VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    assert clear["crop"] in released.read_bytes()
    with Store.open(released) as store:
        templates = store.people.templates(1)
        assert [template.id for template in templates] == list(range(1, 60))
        assert {(t.embedding.tobytes(), t.crop, t.source) for t in templates} == {(*clear.values(), "ann.jpg")}
        for file in released.parent.iterdir():
            assert not any(data[:32] in file.read_bytes() for data in clear.values())
        assert store.people.enrol("Bob", make_template(unit(4))).id == 2


def test_old_copy_does_not_bring_back_who_was_erased_since(released: Path) -> None:
    old = released.read_bytes()
    with Store.open(released) as store:
        store.people.erase("Ann")
    released.write_bytes(old)
    with Store.open(released) as store:
        assert store.people.all() == []


def test_keys_of_merged_strangers_are_destroyed_and_the_others_open(tmp_path: Path) -> None:
    path = tmp_path / "db"
    make_database(path, "0005")
    parts = [("embedding", unit(3).tobytes()), ("crop", b"JPEGDATA")]
    sealed = vault_of(path).seal_many([("stranger:1", data, f"stranger_templates.{of}:{MODEL}") for of, data in parts])
    vault_of(path).seal("stranger:2", b"", "c")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE meta SET value = '2' WHERE key = 'last_stranger'")
        for id, state, into in ((1, "open", None), (2, "merged", 1)):
            database.execute("INSERT INTO strangers VALUES (?, ?, 0, 0, 1, ?, NULL, 0)", (id, state, into))
        row = (1, 1, *sealed, MODEL, 0.9, "door", 0)
        database.execute("INSERT INTO stranger_templates VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    with Store.open(path) as store:
        assert store.vault.ring.held() == {"stranger:1"}
        assert [crop.jpeg for crop in store.strangers.crops(1)] == [b"JPEGDATA"]
        assert store.strangers.entry(2).merged_into == 1
