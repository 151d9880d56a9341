"""What only PostgreSQL can do wrong; the rest of the store's tests run on it too (conftest.py)."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from rig.postgres import PostgresServer
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DBAPIError

from daemon.errors import StoreError
from daemon.store import Store, StoreBusyError, StoreUnusableError
from daemon.store.errors import KeyRingError
from daemon.store.postgres import WRITE_LOCK
from daemon.store.schema import Base, MetaRow
from tests.daemon.factories import make_event, make_template, unit

WRITER = """
import sys
from pathlib import Path
from daemon.store import Store
from tests.daemon.factories import make_event
with Store.open(Path(sys.argv[1]), url=sys.argv[2]) as store:
    while True:
        store.events.append_many([(make_event(), lambda n: "{}")] * 5)
        print(store.events.newest(), flush=True)
"""

Reopen = Callable[[], Store]


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def reopen(tmp_path: Path, url: str) -> Iterator[Reopen]:
    """Opens the same store once more."""
    opened: list[Store] = []

    def open_store() -> Store:
        opened.append(Store.open(tmp_path / "identities.sqlite", busy_timeout_s=0.2, url=url))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


def meta_keys(store: Store) -> set[str]:
    with store.database.read() as session:
        return set(session.scalars(select(MetaRow.key)))


def test_new_tables_are_those_of_the_models_and_of_sqlite(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen()
    with store.database.read() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), Base.metadata) == []
    with Store.open(tmp_path / "other" / "identities.sqlite") as other:
        assert meta_keys(store) - meta_keys(other) == {"last_key_of_events", "last_key_of_audit"}
        assert meta_keys(other) < meta_keys(store)


def test_reopened_store_is_the_same(reopen: Reopen) -> None:
    first = reopen()
    first.people.enrol("Ann", make_template(unit(1)))
    second = reopen()
    assert (second.epoch, second.gallery_revision, second.people.all()[0].name) == (first.epoch, 1, "Ann")


def test_database_of_an_older_schema_is_brought_to_this_one(reopen: Reopen) -> None:
    older = reopen()
    older.vault.seal("stranger:1", b"", "c")
    with older.database.write() as session:
        for statement in (
            "ALTER TABLE strangers DROP COLUMN key_version",
            "INSERT INTO strangers VALUES (1, 'merged', 0, 0, 1, NULL, NULL, 0)",
            "UPDATE alembic_version SET version_num = '0005'",
        ):
            session.execute(text(statement))
    store = reopen()
    with store.database.read() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), Base.metadata) == []
    assert (store.strangers.entry(1).state, store.vault.ring.held()) == ("merged", set())


def test_writers_side_by_side_leave_no_gap(reopen: Reopen) -> None:
    stores = [reopen() for _ in range(4)]

    def write(store: Store) -> list[int]:
        numbers: list[int] = []
        while len(numbers) < 60:
            try:
                appended = store.events.append_many([(make_event(), lambda n: "{}")] * 3)
            except StoreBusyError:  # the others took their time
                continue
            numbers += [event.sequence for event in appended if event]
        return numbers

    with ThreadPoolExecutor(len(stores)) as pool:
        written = list(pool.map(write, stores))
    assert all(numbers == sorted(numbers) for numbers in written)
    assert sorted(number for numbers in written for number in numbers) == list(range(1, 241))


def test_killed_writer_leaves_no_gap(reopen: Reopen, tmp_path: Path, url: str) -> None:
    store, said = reopen(), 0
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(tmp_path / "identities.sqlite"), url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            for _ in range(3):
                said = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
        stored = [event.sequence for event in store.events.since(0, limit=10_000)]
        assert stored == list(range(1, len(stored) + 1))
        assert len(stored) >= said


def test_what_failed_uses_no_number(reopen: Reopen) -> None:
    store = reopen()
    with pytest.raises(ZeroDivisionError):
        store.events.append_many([(make_event(), lambda n: "{}"), (make_event(), lambda n: str(1 // 0))])
    assert store.events.append(make_event(), lambda n: "{}").sequence == 1


def test_number_of_a_forgotten_event_is_not_used_again(reopen: Reopen) -> None:
    store = reopen()
    store.events.append_many([(make_event(), lambda n: "{}")] * 3)
    with store.database.write() as session:
        session.execute(text("DELETE FROM events"))
    assert store.events.append(make_event(), lambda n: "{}").sequence == 4


def test_lock_of_another_session_is_told(reopen: Reopen, url: str) -> None:
    store, other = reopen(), create_engine(url)
    with other.connect() as connection:
        connection.execute(text(f"SELECT pg_advisory_lock({WRITE_LOCK})"))
        with pytest.raises(StoreBusyError, match="locked by another session"):
            store.people.enrol("Ann", make_template(unit(1)))
        assert store.people.all() == []
    other.dispose()
    store.people.enrol("Ann", make_template(unit(1)))


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_audit_log_can_only_grow(reopen: Reopen, url: str, statement: str) -> None:
    store = reopen()
    store.people.enrol("Ann", make_template(unit(1)))
    other = create_engine(url)
    with pytest.raises(DBAPIError, match="append-only"), other.begin() as connection:
        connection.execute(text(statement))
    other.dispose()
    assert store.audit.verify().faults == ()


def test_reader_changes_nothing(reopen: Reopen, tmp_path: Path, url: str) -> None:
    reopen()
    with (
        Store.open_to_read(tmp_path / "identities.sqlite", url=url) as reader,
        pytest.raises(StoreError, match="only be read"),
    ):
        reader.events.append(make_event(), lambda n: "{}")


def test_erased_person_is_in_no_table(reopen: Reopen, url: str) -> None:
    store = reopen()
    ann = store.people.enrol("Zebedäus", make_template(unit(1), crop=b"J" * 100))
    store.events.append(make_event(ann.id), lambda n: '{"person": {"id": 1, "name": "Zebedäus"}, "snapshot": "a.jpg"}')
    store.people.erase("Zebedäus")
    with store.database.read() as session:
        tables = [session.execute(table.select()).all() for table in Base.metadata.tables.values()]
    assert "Zebed" not in str(tables)
    assert store.events.since(0)[0].payload == '{"person": null, "snapshot": null}'


def test_server_that_restarts_is_found_again(tmp_path: Path, postgres: PostgresServer) -> None:
    with Store.open(tmp_path / "identities.sqlite", url=postgres.new_database()) as store:
        store.events.append(make_event(), lambda n: "{}")
        postgres.stop()
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            store.events.append(make_event(), lambda n: "{}")
        assert not isinstance(caught.value, StoreUnusableError)  # trying again helps
        postgres.start()
        assert store.events.append(make_event(), lambda n: "{}").sequence == 2


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("deconvid:hunter2@/nowhere?host={folder}", 'database "nowhere" does not exist'),
        ("mallory:hunter2@/postgres?host={folder}", 'role "mallory" does not exist'),
        ("deconvid:hunter2@/postgres?host={folder}/elsewhere", "cannot be reached"),
        ("deconvid:hunter2@here:there/postgres", "no address"),
        ("deconvid:${{PASSWORD}}@/postgres", "not at hand"),
    ],
)
def test_wrong_address_is_told_without_its_password(
    postgres: PostgresServer, tmp_path: Path, address: str, told: str
) -> None:
    url = "postgresql+psycopg://" + address.format(folder=postgres.folder)
    with pytest.raises(StoreError, match=told) as caught:
        Store.open(tmp_path / "identities.sqlite", url=url)
    assert "hunter2" not in str(caught.value)


def test_backup_names_the_tool_and_what_it_does_not_copy(reopen: Reopen, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Run pg_dump .* copy keyring\.sqlite .* yourself") as told:
        reopen().database.back_up(tmp_path / "copy")
    assert "--keys" not in str(told.value)


def test_key_ring_of_another_database_is_not_taken_over(tmp_path: Path, url: str) -> None:
    with Store.open(tmp_path / "identities.sqlite") as store:
        store.people.enrol("Ann", make_template(unit(1)))
    with pytest.raises(KeyRingError, match="another database"):
        Store.open(tmp_path / "identities.sqlite", url=url)
