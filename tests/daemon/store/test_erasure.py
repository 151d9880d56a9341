"""After an erasure: nothing of the person in any file, nor in a backup that is opened with today's key ring."""

import os
import shutil
import socket
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import event, select, update

from daemon.errors import StoreError
from daemon.store import Store, StoreBusyError, meta
from daemon.store.backup import back_up
from daemon.store.erasure import condemn
from daemon.store.records import Enrolment
from daemon.store.schema import StrangerRow, TemplateRow
from daemon.store.vault import Vault
from tests.daemon.factories import MODEL, make_event, make_template, unit

NAMES = ("Zebedäus Quist", "Zebedäus Quint")
CROPS = [bytes([number]) * 64 + b"JPEGDATA" for number in range(40)]


def fill(store: Store) -> None:
    """Ann, and Zebedäus with forty templates, who was seen forty times and renamed."""
    store.people.enrol("Ann", make_template(unit(1)))
    faces = (make_template(unit(seed + 10), crop=crop) for seed, crop in enumerate(CROPS))
    [zeb] = store.people.enrol_all(Enrolment(NAMES[0], face) for face in faces)
    payload = '{"person":{"id":2,"name":"Zebedäus Quist"}}'
    store.events.append_many([(make_event(zeb.id), lambda n: payload)] * 40)
    store.people.rename(*NAMES)


def raw(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def found(data: bytes, traces: list[bytes]) -> list[bytes]:
    return [trace for trace in traces if trace in data]


NAME_TRACES = [name.encode() for name in [*NAMES, *map(str.casefold, NAMES)]]
FACE_TRACES = [*CROPS, *(unit(seed + 10).tobytes()[:32] for seed in range(len(CROPS)))]


def test_no_face_is_ever_in_the_clear_and_no_name_after_the_erasure(store: Store) -> None:
    fill(store)
    folder = store.database.path.parent
    assert found(raw(folder), FACE_TRACES) == []
    assert found(raw(folder), NAME_TRACES) == NAME_TRACES
    sealed = sealed_values(store.database.path)
    assert found(raw(folder), sealed) == sealed
    store.people.erase(NAMES[1])
    assert found(raw(folder), FACE_TRACES + NAME_TRACES + sealed) == []
    assert [person.name for person in store.people.all()] == ["Ann"]
    assert store.people.gallery(MODEL).person_ids.tolist() == [1]
    assert {(event.person_id, event.payload) for event in store.events.since(0)} == {(None, '{"person":null}')}
    assert "person:2" in {entry.subject for entry in store.audit.entries()}


def test_nothing_is_left_of_a_removed_photo(store: Store) -> None:
    fill(store)
    folder, [first, *others] = store.database.path.parent, store.people.templates(2)
    with store.database.read() as session:
        row = session.get_one(TemplateRow, first.id)
        gone = [row.embedding, row.crop]
    assert found(raw(folder), gone) == gone
    store.templates.remove(2, first.id)
    assert found(raw(folder), gone) == []
    assert [template.crop for template in store.people.templates(2)] == [template.crop for template in others]


def sealed_values(database: Path) -> list[bytes]:
    """Zebedäus's templates as they lie in the file, without what SQLite may put between."""
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT embedding FROM templates WHERE person_id = 2").fetchall()
    connection.close()
    return [embedding[:100] for (embedding,) in rows]


def test_backup_from_before_opens_for_the_others_only(store: Store, tmp_path: Path) -> None:
    fill(store)
    (tmp_path / "restored").mkdir()
    copy = tmp_path / "restored" / "identities.sqlite"
    back_up(store.database.path, copy)
    store.people.erase(NAMES[1])
    for name in ("keyring.sqlite", "master.key"):
        shutil.copy(store.database.path.with_name(name), copy.with_name(name))
    vault = Vault.beside(copy, store.vault.master_key)
    with sqlite3.connect(copy) as connection:
        rows = connection.execute("SELECT person_id, embedding, crop FROM templates").fetchall()
    connection.close()
    items = [
        (f"person:{id}", value, f"templates.{column}:{MODEL}")
        for id, *sealed in rows
        for column, value in zip(("embedding", "crop"), sealed, strict=True)
    ]
    opened = dict(zip(items, vault.open_many(items), strict=True))
    assert len(opened) == 2 * 41
    assert {item[0] for item, data in opened.items() if data is not None} == {"person:1"}
    assert found(raw(copy.parent), FACE_TRACES) == []


def test_restored_backup_forgets_again_who_was_erased_since(store: Store, tmp_path: Path) -> None:
    fill(store)
    back_up(store.database.path, tmp_path / "backup")
    store.people.erase(NAMES[1])
    store.close()
    shutil.copy(tmp_path / "backup", store.database.path)
    with Store.open(store.database.path) as restored:
        assert [person.name for person in restored.people.all()] == ["Ann"]
        assert restored.people.gallery(MODEL).embeddings.shape[0] == 1
        assert restored.audit.entries()[-1].action == "people.erase_again"
        assert restored.people.enrol("Eve", make_template(unit(5))).id == 3
    (tmp_path / "backup").unlink()
    assert found(raw(tmp_path), NAME_TRACES) == []


def test_strangers_who_were_named_so_go_with_the_person(store: Store) -> None:
    ann, bob = (store.people.enrol(name, make_template(unit(1))) for name in ("Ann", "Bob"))
    seen = {"first_seen": ann.created_at, "last_seen": ann.created_at, "created_at": ann.created_at, "sightings": 1}
    with store.database.write() as session:
        session.add(StrangerRow(id=1, state="named", person_id=ann.id, **seen))
        session.add(StrangerRow(id=2, state="named", person_id=bob.id, **seen))
        session.flush()
        session.add_all(
            StrangerRow(id=id, state="merged", merged_into=into, **seen) for id, into in ((3, 1), (4, 3), (5, 2))
        )
    store.vault.seal_many([(f"stranger:{id}", b"", "c") for id in range(1, 6)])
    store.people.erase("Ann")
    assert store.vault.ring.held() == {"person:2", "stranger:2", "stranger:5"}
    with store.database.read() as session:
        assert set(session.scalars(select(StrangerRow.id))) == {2, 5}


def test_id_of_an_erased_person_is_not_used_again(store: Store) -> None:
    first = store.people.enrol("Ann", make_template(unit(1)))
    store.people.erase("Ann")
    assert store.people.enrol("Bob", make_template(unit(1))).id > first.id


def test_erasure_that_ended_before_the_key_was_destroyed_is_finished_by_who_opens_the_store_next(store: Store) -> None:
    person = store.people.enrol("Ann", make_template(unit(1)))
    with store.database.write() as session:
        store.erasure.erase_person(session, person.id)
    assert store.vault.ring.held() == {"person:1"}
    Store.open(store.database.path, scrubs=False).close()
    assert store.vault.ring.held() == set()
    assert b"Ann" in raw(store.database.path.parent)
    Store.open(store.database.path).close()
    assert b"Ann" not in raw(store.database.path.parent)


def test_erasure_that_was_rolled_back_destroys_nothing(store: Store) -> None:
    person = store.people.enrol("Ann", make_template(unit(1)))
    with suppress(ZeroDivisionError), store.database.write() as session:
        store.erasure.erase_person(session, person.id)
        condemn(session, ["person:9"])
        1 / 0  # noqa: B018
    store.erasure.finish()
    assert len(store.people.templates(person.id)) == 1


def test_erasure_that_a_reader_held_up_is_finished_by_who_opens_the_store_next(store: Store) -> None:
    store.people.enrol("Zebedäus", make_template(unit(1)))
    folder = store.database.path.parent
    with Store.open(store.database.path) as other, other.database.read() as session:
        session.connection().exec_driver_sql("SELECT count(*) FROM people").scalar_one()
        with pytest.raises(StoreBusyError, match="opens the store next"):
            store.people.erase("Zebedäus")
        assert store.vault.ring.held() == set()
    assert "Zebedäus".encode() in raw(folder)
    Store.open(store.database.path).close()
    assert "Zebedäus".encode() not in raw(folder)


def test_rows_that_are_erased_while_the_file_is_rewritten_are_rewritten_too(store: Store) -> None:
    for seed, name in enumerate(("Ann", "Zebedäus", "Zoë")):
        store.people.enrol(name, make_template(unit(seed)))
    scrub = store.database.scrub
    with Store.open(store.database.path, scrubs=False) as worker:

        def scrub_and_see_another_go() -> None:
            scrub()
            worker.people.erase("Zebedäus")

        store.database.scrub = scrub_and_see_another_go  # type: ignore[method-assign]
        store.people.erase("Zoë")
        folder = store.database.path.parent
        assert "Zebedäus".encode() in raw(folder)
        Store.open(store.database.path).close()
        assert "Zebedäus".encode() not in raw(folder)
        assert b"Ann" in raw(folder)


def test_who_scrubs_twice_is_done_when_the_last_one_is(store: Store) -> None:
    """Another one who found the same erasure due does not say of a later one that it is done."""
    for seed, name in enumerate(("Ann", "Zoë")):
        store.people.enrol(name, make_template(unit(seed)))
    scrub = store.database.scrub
    with Store.open(store.database.path) as other, Store.open(store.database.path, scrubs=False) as worker:

        def scrub_beside_another() -> None:
            scrub()
            other.erasure.finish()
            assert is_scrubbed(other)
            worker.people.erase("Zoë")

        store.database.scrub = scrub_beside_another  # type: ignore[method-assign]
        store.people.erase("Ann")
        assert not is_scrubbed(other)


def is_scrubbed(store: Store) -> bool:
    with store.database.read() as session:
        return meta.value(session, meta.SCRUB_DUE) == "0"


def test_scrub_copies_into_an_unnamed_file_beside_the_database(store: Store) -> None:
    """And not into memory, which the service has little of, nor into /tmp, which is everybody's or memory too."""
    for seed in range(40):
        store.people.enrol("Ann", make_template(unit(seed), crop=bytes(300_000)))
    store.people.enrol("Zoë", make_template(unit(50)))
    folder, seen = store.database.path.parent, set[str]()

    def look() -> None:
        for file in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                seen.add(os.readlink(file))

    def watch(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_progress_handler(look, 20)

    event.listen(store.database._engine, "checkout", watch)
    store.people.erase("Zoë")
    unnamed = {path for path in seen if path.endswith(" (deleted)") and "etilqs" in path}
    assert {Path(path).parent for path in unnamed} == {folder}
    assert not list(folder.glob("etilqs*"))
    with store.database.read() as session:
        pragmas = [session.connection().exec_driver_sql(f"PRAGMA temp_store{of}").scalar() for of in ("", "_directory")]
    assert pragmas == [2, None], "as it was: sorting stays in memory"


def test_scrub_on_the_start_of_the_service_asks_systemd_for_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = store.people.enrol("Ann", make_template(unit(1)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        Store.open(store.database.path).close()
        with pytest.raises(BlockingIOError):
            manager.recv(100)
        with store.database.write() as session:
            store.erasure.erase_person(session, person.id)
        Store.open(store.database.path).close()
        asked = manager.recv(100).decode()
    assert int(asked.removeprefix("EXTEND_TIMEOUT_USEC=")) > 60e6


def test_damaged_template_is_left_out_and_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.people.enrol("Ann", make_template(unit(1)))
    bob = store.people.enrol("Bob", make_template(unit(2)))
    store.people.enrol("Bob", make_template(unit(3)))
    with store.database.write() as session:
        session.execute(update(TemplateRow).where(TemplateRow.id == 3).values(embedding=b"\x01" * 285))
    gallery = store.people.gallery(MODEL)
    assert gallery.person_ids.tolist() == [1, 2]
    assert gallery.embeddings.shape == (2, 64)
    assert "templates_unreadable templates=1 people=1" in caplog.text
    with pytest.raises(StoreError, match="cannot be opened"):
        store.people.templates(bob.id)
