import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from daemon.errors import StoreError
from daemon.store import Store, StoreUnusableError
from daemon.store.backup import back_up, copy_key_ring
from daemon.store.checkup import examine
from daemon.store.damage import check_pages
from daemon.store.keyring import KeyRing
from daemon.store.records import Enrolment
from tests.daemon.factories import MODEL, make_event, make_template, unit


def faults(store: Store) -> dict[str, tuple[str, ...]]:
    return {check.subject: check.faults for check in examine(store) if check.faults}


def test_backup_with_its_keys_is_the_store_as_it_was(store: Store, tmp_path: Path) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    folder = tmp_path / "copy"
    folder.mkdir()
    back_up(store.database.path, folder / "identities.sqlite")
    copy_key_ring(store.vault.ring.path, folder / "keyring.sqlite")
    store.people.enrol("Bob", make_template(unit(2)))
    (folder / "master.key").write_bytes((tmp_path / "master.key").read_bytes())
    assert sorted(os.listdir(folder)) == ["identities.sqlite", "keyring.sqlite", "master.key"]
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in ("identities.sqlite", "keyring.sqlite")} == {0o600}
    with Store.open(folder / "identities.sqlite") as copy:
        assert [person.name for person in copy.people.all()] == ["Ann"]
        assert copy.people.gallery(MODEL).embeddings.tolist() == [unit(1).tolist()]
        assert faults(copy) == {}


def test_folder_with_characters_that_mean_something_in_a_uri_is_copied_whole(store: Store, tmp_path: Path) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    odd = tmp_path / "a#b?c%41"
    odd.mkdir()
    source = odd / "identities.sqlite"
    back_up(store.database.path, source)
    back_up(source, tmp_path / "copy.sqlite")
    assert (tmp_path / "copy.sqlite").stat().st_size == source.stat().st_size
    assert [path.name for path in odd.iterdir()] == ["identities.sqlite"]
    assert not (tmp_path / "a").exists()


def test_backup_is_never_written_over_and_a_copy_of_the_ring_is(store: Store, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("precious")
    with pytest.raises(StoreError, match="exists already"):
        back_up(store.database.path, tmp_path / "old")
    assert (tmp_path / "old").read_text() == "precious"
    copy_key_ring(store.vault.ring.path, tmp_path / "old")
    assert KeyRing(tmp_path / "old").facts() == store.vault.ring.facts()


def test_backup_is_whole_while_others_write(store: Store, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with Store.open(store.database.path) as writer:
            while not stop.is_set():
                writer.events.append(make_event(), lambda n: "{}" * 1000)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(5):
            back_up(store.database.path, tmp_path / f"backup-{number}")
    finally:
        stop.set()
        thread.join()
    for number in range(5):
        with closing(sqlite3.connect(tmp_path / f"backup-{number}")) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            [[count, last]] = copy.execute("SELECT count(*), coalesce(max(sequence), 0) FROM events")
            assert count == last


def test_backup_of_a_damaged_database_is_not_kept(tmp_path: Path) -> None:
    damage(tmp_path / "db")
    with pytest.raises(StoreUnusableError, match="damaged"):
        back_up(tmp_path / "db", tmp_path / "backup")
    assert not [name for name in os.listdir(tmp_path) if "backup" in name]


def damage(path: Path) -> None:
    """Makes a store in which one page in the middle is broken."""
    with Store.open(path) as store:
        store.people.enrol_all(Enrolment(f"Person {seed}", make_template(unit(seed))) for seed in range(60))
    with closing(sqlite3.connect(path)) as database:
        [[page]] = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'ix_templates_person_id'")
        [[size]] = database.execute("PRAGMA page_size")
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(data)


def test_broken_page_is_told_at_the_start(tmp_path: Path) -> None:
    damage(tmp_path / "db")
    with Store.open(tmp_path / "db") as store, pytest.raises(StoreUnusableError, match=r"damaged \(.*backup"):
        store.check()


def test_start_does_not_wait_long_for_a_large_file(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(20):
        store.events.append_many([(make_event(), lambda n: "{}" * 1000)] * 500)
    assert check_pages(store.database)
    assert not check_pages(store.database, within_s=0.001)
    assert "store_not_read_through" in caplog.text


def test_sound_store_has_no_faults(store: Store) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    store.check()
    assert [check.subject for check in examine(store)] == ["pages", "keys", "sealed rows", "audit"]
    assert faults(store) == {}


def test_row_without_its_key_is_found(store: Store) -> None:
    for name in ("Ann", "Bob"):
        store.people.enrol(name, make_template(unit(1)))
    store.vault.seal("person:77", b"", "an enrolment that was interrupted")
    with closing(sqlite3.connect(store.vault.ring.path)) as ring, ring:
        ring.execute("DELETE FROM keys WHERE subject = 'person:2'")
    found = faults(store)
    assert found["keys"][0].startswith("person:2 has no key")
    assert found["sealed rows"] == ("row 2 of templates cannot be opened",)
    assert "1 of them of nobody" in next(check.detail for check in examine(store) if check.subject == "keys")
