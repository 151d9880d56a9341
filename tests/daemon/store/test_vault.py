import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.store import KeyRingError, MasterKey, MasterKeyError, UnreadableError
from daemon.store.vault import Vault

OTHER_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    made = vault_in(tmp_path)
    made.make()
    return made


def vault_in(folder: Path, reference: str | None = None) -> Vault:
    return Vault.beside(folder / "db", MasterKey.of(reference, folder))


def test_sealed_data_opens_with_its_subject_and_context_only(vault: Vault) -> None:
    sealed = vault.seal("person:1", b"a face", "templates.crop:m")
    assert vault.open("person:1", sealed, "templates.crop:m") == b"a face"
    vault.seal("person:2", b"another", "templates.crop:m")
    for subject, context in (("person:2", "templates.crop:m"), ("person:1", "templates.embedding:m")):
        with pytest.raises(UnreadableError):
            vault.open(subject, sealed, context)


def test_same_data_is_sealed_differently_each_time(vault: Vault) -> None:
    assert vault.seal("person:1", b"a face", "c") != vault.seal("person:1", b"a face", "c")


@given(place=st.integers(0, 34), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_any_changed_bit_is_noticed(tmp_path_factory: pytest.TempPathFactory, place: int, bit: int) -> None:
    vault = vault_in(tmp_path_factory.getbasetemp())
    vault.make()
    sealed = bytearray(vault.seal("person:1", b"a face", "c"))
    sealed[place % len(sealed)] ^= 1 << bit
    assert list(vault.open_many([("person:1", bytes(sealed), "c")])) == [None]


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x01" * 20, b"\x02" * 60], ids=["empty", "short", "no tag", "version"]
)
def test_garbage_does_not_open(vault: Vault, data: bytes) -> None:
    vault.seal("person:1", b"", "c")
    assert list(vault.open_many([("person:1", data, "c")])) == [None]


def test_destroyed_key_opens_nothing_and_a_new_one_does_not_help(vault: Vault) -> None:
    sealed = vault.seal("person:1", b"a face", "c")
    vault.destroy("person:1", "person:9")
    assert list(vault.open_many([("person:1", sealed, "c")])) == [None]
    assert vault.ring.destroyed() == {"person:1", "person:9"}
    vault.seal("person:1", b"somebody else", "c")
    assert list(vault.open_many([("person:1", sealed, "c")])) == [None]


def test_destroyed_key_is_not_in_the_file(vault: Vault) -> None:
    vault.seal_many([(f"person:{n}", b"", "c") for n in range(50)])
    [wrapped] = vault.ring.keys(["person:7"], vault.ring.facts()[1]).values()
    assert wrapped in vault.ring.path.read_bytes()
    vault.destroy("person:7")
    assert not any(wrapped[16:] in file.read_bytes() for file in vault.ring.path.parent.iterdir())
    assert len(vault.ring.held()) == 49


def test_damaged_key_is_told_and_the_others_go_on(vault: Vault) -> None:
    sealed = vault.seal_many([("person:1", b"a face", "c"), ("person:2", b"another", "c")])
    with closing(sqlite3.connect(vault.ring.path)) as ring, ring:
        [wrapped] = ring.execute("SELECT wrapped FROM keys WHERE subject = 'person:1'").fetchone()
        changed = bytes([*wrapped[:-1], wrapped[-1] ^ 1])
        ring.execute("UPDATE keys SET wrapped = ? WHERE subject = 'person:1'", (changed,))
    with pytest.raises(KeyRingError, match=r"the key of person:1 cannot be opened\. Restore a copy"):
        vault.seal_many([("person:2", b"more", "c"), ("person:1", b"more", "c")])
    assert vault.open("person:2", vault.seal("person:2", b"more", "c"), "c") == b"more"
    assert list(vault.open_many([("person:1", sealed[0], "c"), ("person:2", sealed[1], "c")])) == [None, b"another"]


def test_another_process_key_counts(vault: Vault, tmp_path: Path) -> None:
    other = vault_in(tmp_path)
    sealed = other.seal("person:1", b"a face", "c")
    assert vault.open("person:1", vault.seal("person:1", b"more", "c"), "c") == b"more"
    assert vault.open("person:1", sealed, "c") == b"a face"
    other.destroy("person:1")
    with pytest.raises(UnreadableError):
        vault.open("person:1", sealed, "c")


def test_files_are_for_their_owner_and_hold_no_key_in_the_clear(vault: Vault) -> None:
    vault.seal("person:1", b"", "c")
    assert {stat.S_IMODE(file.stat().st_mode) for file in vault.ring.path.parent.iterdir()} == {0o600}
    assert vault.master_key.read() not in vault.ring.path.read_bytes()


CHANGED = {
    "missing": (None, "cannot be read"),
    "short": (b"secret\n", "is not 32 bytes"),
    "binary": (b"\xff\xfe", "is no text"),
    "wrong": (OTHER_KEY.encode(), "is not the one"),
}


@pytest.mark.parametrize(("content", "fault"), CHANGED.values(), ids=CHANGED)
def test_lost_or_changed_master_key_is_told_and_changes_nothing(
    vault: Vault, tmp_path: Path, content: bytes | None, fault: str
) -> None:
    sealed, key = vault.seal("person:1", b"a face", "c"), (tmp_path / "master.key").read_bytes()
    (tmp_path / "master.key").unlink()
    if content is not None:
        (tmp_path / "master.key").write_bytes(content)
    for act in (lambda v: v.make(), lambda v: v.check(), lambda v: v.seal("person:1", b"", "c")):
        with pytest.raises(MasterKeyError, match=f"{fault}.*Put") as caught:
            act(vault_in(tmp_path))
        assert OTHER_KEY not in str(caught.value)
        assert "secret" not in str(caught.value)
    (tmp_path / "master.key").write_bytes(key)
    assert vault_in(tmp_path).open("person:1", sealed, "c") == b"a face"


def test_master_key_comes_from_environment_or_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "deconvid").write_text(OTHER_KEY)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    monkeypatch.setenv("DECONVID_KEY", OTHER_KEY + "\n")
    by_environment, by_credential = (vault_in(tmp_path, r) for r in ("env:DECONVID_KEY", "credential:deconvid"))
    by_environment.make()
    sealed = by_environment.seal("person:1", b"a face", "c")
    assert by_credential.open("person:1", sealed, "c") == b"a face"
    handed = MasterKey(by_credential.master_key.handed_on())
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert Vault(by_credential.ring, handed).open("person:1", sealed, "c") == b"a face"
    assert OTHER_KEY not in f"{handed} {handed!r}"
    assert not (tmp_path / "master.key").exists()
    with pytest.raises(MasterKeyError, match="/etc/deconvid/credentials, which takes sudo"):
        vault_in(tmp_path, "credential:deconvid").check()


def test_named_master_key_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match=r"file:.*openssl rand"):
        vault_in(tmp_path, f"file:{tmp_path}/other.key").make()
    assert os.listdir(tmp_path) == []


def test_missing_ring_is_told_and_not_made_anew(vault: Vault, tmp_path: Path) -> None:
    vault.seal("person:1", b"a face", "c")
    vault.ring.path.unlink()
    with pytest.raises(KeyRingError, match="missing"):
        vault.seal("person:1", b"a face", "c")
    assert not vault.ring.path.exists()


def test_ring_of_a_newer_program_or_of_another_database_is_refused(vault: Vault) -> None:
    with pytest.raises(KeyRingError, match="another database"):
        vault.check("f00")
    with sqlite3.connect(vault.ring.path) as ring:
        ring.execute("PRAGMA user_version = 2")
    ring.close()
    with pytest.raises(KeyRingError, match="newer DeconvID"):
        vault.check()


def test_ring_whose_making_was_interrupted_is_made(tmp_path: Path) -> None:
    (tmp_path / "keyring.sqlite").touch()
    vault = vault_in(tmp_path)
    (tmp_path / "master.key").write_text(OTHER_KEY)
    vault.make()
    assert vault.open("person:1", vault.seal("person:1", b"a face", "c"), "c") == b"a face"
