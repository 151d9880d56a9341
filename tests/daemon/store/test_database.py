import os
import sqlite3
import stat
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from daemon.errors import StoreError
from daemon.store import DiskFullError, Store, StoreBusyError, StoreUnusableError
from daemon.store.errors import mapped_errors
from daemon.store.schema import Base
from tests.daemon.factories import make_event, make_template, unit


def test_migrations_make_the_schema_of_the_models(store: Store) -> None:
    with store.database.read() as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Base.metadata) == []


def test_reopened_store_is_the_same_database(tmp_path: Path) -> None:
    with Store.open(tmp_path / "db") as first:
        first.people.enrol("Ann", make_template(unit(1)))
    with Store.open(tmp_path / "db") as second:
        assert (second.epoch, second.gallery_revision) == (first.epoch, 1)


def test_two_databases_have_two_epochs(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a" / "db") as a, Store.open(tmp_path / "b" / "db") as b:
        assert a.epoch != b.epoch


def test_files_are_for_their_owner_only(store: Store) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    files = list(store.database.path.parent.iterdir())
    assert len(files) == 5  # database, log, shared memory, key ring, master key
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with Store.open(tmp_path / "state" / "identities.sqlite") as store:
        store.people.enrol("Ann", make_template(unit(1)))
        files = [tmp_path / "state", *(tmp_path / "state").iterdir()]
        assert len(files) == 6
        assert {file.stat().st_uid for file in files} == {65534}


def test_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    Store.open(tmp_path / "db").close()
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreUnusableError, match="newer DeconvID"):
        Store.open(tmp_path / "db")


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("a shopping list " * 100)
    fix = r"not a database\. Stop the daemon, put a backup .* key ring, where it is"
    with pytest.raises(StoreUnusableError, match=fix):
        Store.open(tmp_path / "db")


def test_damaged_database_is_told(tmp_path: Path) -> None:
    with Store.open(tmp_path / "db") as store:
        for seed in range(20):
            store.people.enrol(f"Person {seed}", make_template(unit(seed)))
    data = bytearray((tmp_path / "db").read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    (tmp_path / "db").write_bytes(data)
    with pytest.raises(StoreUnusableError, match="damaged"):
        Store.open(tmp_path / "db").people.all()


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="Check `state`"):
        Store.open(tmp_path / "file" / "db")


def test_lock_of_another_process_is_told(store: Store) -> None:
    other = sqlite3.connect(store.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusyError, match="locked by another process"):
        store.people.enrol("Ann", make_template(unit(1)))
    other.close()


def test_full_disk_is_told_and_uses_no_sequence_number(store: Store) -> None:
    store.events.append(make_event(), lambda sequence: "{}")
    with store.database.read() as session:
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
        session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFullError, match="Free space"):
        store.events.append(make_event(), lambda sequence: "x" * 1_000_000)
    assert store.events.append(make_event(), lambda sequence: "{}").sequence == 2


def test_disk_too_full_for_the_shared_memory_of_the_log_is_told_as_full(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
    with pytest.raises(DiskFullError, match="Free space"), mapped_errors(tmp_path / "db"):
        raise error


def test_messages_hold_no_embedding(store: Store) -> None:
    embedding = np.full(64, 0.125, np.float32)
    other = sqlite3.connect(store.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as caught:
        store.people.enrol("Zacharias", make_template(embedding))
    other.close()
    told = f"{caught.value} {caught.value.__cause__}"
    assert "Zacharias" not in told
    assert "\\x00\\x00" not in told
