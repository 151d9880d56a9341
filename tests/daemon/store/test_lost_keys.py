"""A store whose master key or key ring is lost, wrong or old: told at once, and nothing is lost by trying."""

import os
import shutil
from pathlib import Path

import pytest

from config import Settings
from daemon.house import House
from daemon.store import DiskFullError, KeyRingError, MasterKey, MasterKeyError, Store, meta
from daemon.store.checkup import examine
from daemon.store.schema import EPOCH, StrangerRow
from tests.daemon.factories import MODEL, make_template, unit


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Ann, enrolled and closed."""
    with Store.open(tmp_path / "state" / "identities.sqlite") as store:
        store.people.enrol("Ann", make_template(unit(1)))
    return tmp_path / "state"


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.startswith(("ident", "key", "mast"))}


def test_missing_key_ring_is_told_and_put_back(state: Path) -> None:
    (state / "keyring.sqlite").rename(state / "elsewhere")
    before = contents(state)
    with pytest.raises(KeyRingError, match=r"missing beside the database\. Put back"):
        Store.open(state / "identities.sqlite")
    assert contents(state).keys() == before.keys()
    (state / "elsewhere").rename(state / "keyring.sqlite")
    with Store.open(state / "identities.sqlite") as store:
        assert len(store.people.templates(1)) == 1


def test_key_ring_of_another_database_is_told(state: Path, tmp_path: Path) -> None:
    Store.open(tmp_path / "other" / "identities.sqlite").close()
    shutil.copy(tmp_path / "other" / "keyring.sqlite", state)
    with pytest.raises(KeyRingError, match="belongs to another database"):
        Store.open(state / "identities.sqlite")


def test_new_database_does_not_take_over_the_keys_of_another(state: Path) -> None:
    (state / "identities.sqlite").unlink()
    with pytest.raises(KeyRingError, match="belongs to another database"):
        Store.open(state / "identities.sqlite")
    (state / "keyring.sqlite").unlink()
    with Store.open(state / "identities.sqlite") as store:
        assert store.people.all() == []


@pytest.mark.parametrize("reference", ["env:NO_SUCH_KEY", "file:/nonexistent/key", "credential:none"])
def test_without_the_master_key_people_are_listed_renamed_and_erased_but_not_shown(state: Path, reference: str) -> None:
    with Store.open(state / "identities.sqlite", master_key=MasterKey(reference)) as store:
        for act in (store.check, lambda: store.people.templates(1), lambda: store.people.gallery(MODEL)):
            with pytest.raises(MasterKeyError, match="Put the key back"):
                act()
        with pytest.raises(MasterKeyError):
            store.people.enrol("Bob", make_template(unit(2)))
        assert [person.name for person in store.people.all()] == ["Ann"]
        store.people.rename("Ann", "Anna")
        store.people.erase("Anna")
        assert store.vault.ring.held() == set()


def test_new_store_without_its_master_key_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError):
        Store.open(tmp_path / "state" / "identities.sqlite", master_key=MasterKey("env:NO_SUCH_KEY"))
    assert os.listdir(tmp_path / "state") == ["identities.sqlite"]
    with Store.open(tmp_path / "state" / "identities.sqlite") as store:
        assert store.people.enrol("Ann", make_template(unit(1))).id == 1


def test_daemon_does_not_start_with_another_master_key(state: Path) -> None:
    (state / "master.key").write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
    before = contents(state)
    settings = Settings(state=state)
    with pytest.raises(MasterKeyError, match=r"is not the one of this key ring\. Put back"), House.open(settings):
        pass
    assert {name: data for name, data in contents(state).items() if name in before} == before


def test_full_disk_leaves_no_half_person(state: Path) -> None:
    with Store.open(state / "identities.sqlite") as store:
        with store.database.read() as session:
            pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
            session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFullError, match="Free space"):
            store.people.enrol("Bob", make_template(unit(2), crop=b"x" * 100_000))
        assert [person.name for person in store.people.all()] == ["Ann"]
        assert store.audit.verify().count == 1
    with Store.open(state / "identities.sqlite") as store:
        assert store.people.enrol("Bob", make_template(unit(2))).id == 2
        assert len(store.people.gallery(MODEL).embeddings) == 2


def test_older_key_ring_brings_nobody_back_who_was_erased_since(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen = {"first_seen": EPOCH, "last_seen": EPOCH, "created_at": EPOCH, "sightings": 1}
    with Store.open(state / "identities.sqlite") as store:
        store.people.enrol("Bob", make_template(unit(2)))
        with store.database.write() as session:
            session.add_all(StrangerRow(id=id, state="open", **seen) for id in (1, 2))
            meta.set_value(session, meta.LAST_STRANGER, "2")
        # 3 of each kind: of a write that another process has not committed yet.
        store.vault.seal_many(
            [(subject, b"", "c") for subject in ("stranger:1", "stranger:2", "stranger:3", "person:3")]
        )
        shutil.copy(state / "keyring.sqlite", state / "older")
        store.people.erase("Ann")
        store.strangers.forget([1], "strangers.forget")
    (state / "older").rename(state / "keyring.sqlite")
    left = {"person:2", "person:3", "stranger:2", "stranger:3"}
    with Store.open(state / "identities.sqlite") as store:
        assert store.vault.ring.held() == left
        assert len(store.people.templates(2)) == 1
    assert "erased_keys_were_restored keys=2" in caplog.text
    caplog.clear()
    Store.open(state / "identities.sqlite").close()
    assert caplog.text == ""


def test_key_of_somebody_erased_is_not_called_harmless(state: Path) -> None:
    with Store.open(state / "identities.sqlite") as store:
        shutil.copy(state / "keyring.sqlite", state / "older")
        store.people.erase("Ann")
        (state / "older").rename(state / "keyring.sqlite")
        keys = next(check for check in examine(store) if check.subject == "keys")
    assert keys.detail == "1 keys"
    assert [fault.split(",")[0] for fault in keys.faults] == ["person:1 was erased"]
