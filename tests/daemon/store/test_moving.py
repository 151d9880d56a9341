"""From the SQLite file to PostgreSQL: everything is there, and goes on there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from rig.postgres import PostgresServer
from sqlalchemy import select

from daemon.errors import StoreError
from daemon.store import Store
from daemon.store.moving import move
from daemon.store.schema import Base, StrangerRow
from tests.daemon.cli.commands import deconvid_on
from tests.daemon.factories import MODEL, make_event, make_template, unit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Ann and Bob, Eve erased, an event, and unknown-1 who is unknown-2 now."""
    with Store.open(tmp_path / "state" / "identities.sqlite") as store:
        for name in ("Ann", "Bob", "Eve"):
            store.people.enrol(name, make_template(unit(1), crop=b"face of " + name.encode()))
        store.people.erase("Eve")
        store.events.append(make_event(1), lambda n: "{}")
        seen = {"first_seen": NOON, "last_seen": NOON, "created_at": NOON, "sightings": 1}
        with store.database.write() as session:
            session.add(StrangerRow(id=2, state="open", **seen))
            session.flush()
            session.add(StrangerRow(id=1, state="merged", merged_into=2, **seen))
    return tmp_path / "state"


def rows(store: Store) -> dict[str, list[object]]:
    with store.database.read() as session:
        tables = {name: table for name, table in Base.metadata.tables.items() if name not in ("meta", "audit")}
        return {name: sorted(map(tuple, session.execute(select(table)))) for name, table in tables.items()}


def test_everything_arrives_and_goes_on(state: Path, tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.new_database()
    moved = deconvid_on(tmp_path, "store", settings=f'database_url = "{url}"\n')("move")
    assert (moved.exit_code, "2 people" in moved.stdout, "2 templates" in moved.stdout) == (0, True, True)
    path = state / "identities.sqlite"
    with Store.open(path) as old, Store.open(path, url=url) as new:
        assert rows(new) == rows(old)
        assert (new.epoch, new.gallery_revision) == (old.epoch, old.gallery_revision)
        assert new.audit.verify(old.audit.verify().head).faults == ()
        assert new.audit.entries(1)[0].action == "store.move"
        assert new.people.templates(1)[0].crop == b"face of Ann"
        assert new.people.enrol("Zoe", make_template(unit(4))).id == 4, "Eve's number is not used again"
        assert new.people.enrol("Ann", make_template(unit(5))).template_count == 2
        assert new.events.append(make_event(), lambda n: "{}").sequence == 2
        assert len(new.people.gallery(MODEL).person_ids) == 4


def test_database_that_is_in_use_is_refused(state: Path, postgres: PostgresServer) -> None:
    url = postgres.new_database()
    with Store.open(state.parent / "other" / "identities.sqlite", url=url) as other:
        other.people.enrol("Zoe", make_template(unit(4)))
        with (
            Store.open(state / "identities.sqlite") as store,
            pytest.raises(StoreError, match="name an empty database"),
        ):
            move(store, url, "test")
        assert [person.name for person in other.people.all()] == ["Zoe"]


def test_move_needs_a_database_and_a_file(tmp_path: Path, state: Path) -> None:
    assert "database_url is not set" in deconvid_on(tmp_path, "store")("move").stderr
    (state / "identities.sqlite").unlink()
    settings = 'database_url = "postgresql+psycopg://nobody@127.0.0.1:9/none"\n'
    assert "is not in the state folder" in deconvid_on(tmp_path, "store", settings=settings)("move").stderr
