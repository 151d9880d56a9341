"""Another master key: everybody's key is wrapped with the new one, or everybody's with the old one."""

import base64
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daemon.store import KeyRingError, MasterKey, MasterKeyError, Store, StoreBusyError
from daemon.store.checkup import examine
from daemon.store.vault import Vault
from tests.daemon.factories import make_template, unit
from tests.rig.killing import run_and_kill

SUBJECTS = [f"person:{number}" for number in range(300)]
LONGEST_LIFE_S = 0.2


def key_in(folder: Path, name: str) -> MasterKey:
    path = folder / name
    if not path.exists():
        path.write_bytes(base64.b64encode(random.Random(name).randbytes(32)))
    return MasterKey(f"file:{path}")


def exchange_until_killed(folder: Path, now: str, ready: Path) -> None:
    other = "two" if now == "one" else "one"
    while True:
        Vault.beside(folder / "db", key_in(folder, now)).exchange_master_key(key_in(folder, other))
        now, other = other, now
        ready.write_text("one exchange is done")


def opened(folder: Path, key: str, sealed: list[bytes]) -> list[bytes | None]:
    """Returns what a key opens: nothing if it is not the ring's."""
    vault = Vault.beside(folder / "db", key_in(folder, key))
    try:
        return list(vault.open_many([(one, data, "c") for one, data in zip(SUBJECTS, sealed, strict=True)]))
    except MasterKeyError:
        return []


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_killed_exchange_leaves_one_key_that_opens_all(tmp_path: Path, rounds: int) -> None:
    vault, dice, now = Vault.beside(tmp_path / "db", key_in(tmp_path, "one")), random.Random(3), "one"
    vault.make()
    data: list[bytes | None] = [subject.encode() for subject in SUBJECTS]
    sealed = vault.seal_many([(subject, subject.encode(), "c") for subject in SUBJECTS])
    for number in range(rounds):
        ready = tmp_path / f"ready-{number}"
        work = (exchange_until_killed, tmp_path, now, ready)
        run_and_kill(*work, sign=ready, dice=dice, longest_s=LONGEST_LIFE_S)
        by_key = {key: opened(tmp_path, key, sealed) for key in ("one", "two")}
        [now] = [key for key, found in by_key.items() if found == data]
        assert by_key["two" if now == "one" else "one"] == []


def test_exchange_is_on_record_and_the_store_sound(store: Store, tmp_path: Path) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    wrapped = store.vault.ring.keys(["person:1"], store.vault.ring.facts()[1])["person:1"]
    store.people.erase(store.people.enrol("Bob", make_template(unit(2))).name)
    assert store.exchange_master_key(key_in(tmp_path, "new")) == 1
    assert [entry.detail for entry in store.audit.entries(2)] == [
        "to a key from file: begun",
        "to a key from file: done, 1 keys",
    ]
    assert [fault for check in examine(store) for fault in check.faults] == []
    assert wrapped[16:] not in store.vault.ring.path.read_bytes()
    assert store.vault.ring.destroyed() == {"person:2"}
    store.people.enrol("Eve", make_template(unit(3)))


def test_wrong_old_key_is_told_before_anything_is_put_on_record(store: Store, tmp_path: Path) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    wrong = Store.open(store.database.path, master_key=key_in(tmp_path, "wrong"))
    with wrong, pytest.raises(MasterKeyError, match="is not the one of this key ring"):
        wrong.exchange_master_key(key_in(tmp_path, "new"))
    assert len(store.audit.entries()) == 1
    store.vault.check()


@pytest.mark.parametrize(("content", "fault"), [(None, "cannot be read"), (b"short", "is not 32 bytes")])
def test_new_key_that_is_none_changes_nothing(store: Store, tmp_path: Path, content: bytes | None, fault: str) -> None:
    if content:
        (tmp_path / "new").write_bytes(content)
    with pytest.raises(MasterKeyError, match=fault):
        store.exchange_master_key(MasterKey(f"file:{tmp_path}/new"))
    with pytest.raises(MasterKeyError, match="in use"):
        store.exchange_master_key(store.vault.master_key)
    store.vault.check()


def test_key_that_does_not_open_stops_the_exchange(store: Store, tmp_path: Path) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    store.people.enrol("Bob", make_template(unit(2)))
    with closing(sqlite3.connect(store.vault.ring.path)) as ring, ring:
        ring.execute("UPDATE keys SET wrapped = zeroblob(61) WHERE subject = 'person:2'")
    with pytest.raises(KeyRingError, match=r"person:2 cannot be opened.*nothing was changed"):
        store.exchange_master_key(key_in(tmp_path, "new"))
    assert len(store.people.templates(1)) == 1


def test_process_with_the_old_key_adds_nobody_and_destroys_still(store: Store, tmp_path: Path) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    with Store.open(store.database.path) as running:
        running.vault.check()
        store.exchange_master_key(key_in(tmp_path, "new"))
        with pytest.raises(MasterKeyError):
            running.people.enrol("Bob", make_template(unit(2)))
        running.people.erase("Ann")
    assert store.vault.ring.held() == set()


def test_keys_wrapped_for_another_proof_are_refused(store: Store, tmp_path: Path) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    ring, proof = store.vault.ring, store.vault.ring.facts()[1]
    store.exchange_master_key(key_in(tmp_path, "new"))
    for act in (lambda: ring.add([("person:9", b"")], proof), lambda: ring.keys(["person:1"], proof)):
        with pytest.raises(KeyRingError, match="exchanged meanwhile"):
            act()
    with pytest.raises(KeyRingError, match="exchanged meanwhile"):
        ring.rewrap(lambda subject, wrapped: b"", proof, b"")
    assert ring.held() == {"person:1"}


def test_locked_audit_log_leaves_the_old_key(store: Store, tmp_path: Path) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError):
            store.exchange_master_key(key_in(tmp_path, "new"))
    store.vault.check()
    assert store.vault.master_key.place.endswith("master.key")
