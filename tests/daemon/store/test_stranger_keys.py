"""Faces that leave a stranger who keeps others: what was erased opens in no backup, what stays opens still."""

import random
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from daemon.identity.crowd_change import crowd_change
from daemon.identity.sightings import Sighting, StrangerRules, see
from daemon.identity.stranger_orders import StrangerOrders
from daemon.identity.strangers import Crowd
from daemon.store import Store, StoreBusyError, meta
from daemon.store.backup import back_up, copy_key_ring
from daemon.store.checkup import examine
from daemon.store.erasure import Erasure
from daemon.store.events import Draft
from daemon.store.schema import StrangerRow
from daemon.store.stranger_records import CrowdChange, Likeness
from daemon.store.stranger_templates import key_of
from daemon.store.strangers import StrangerStore
from tests.daemon.factories import MODEL, make_event, make_template, towards, unit
from tests.rig.killing import run_and_kill

RULES = StrangerRules(threshold=0.5, hysteresis=0.1, most_likenesses=3)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACES = {"Alice": unit(1), "Bob": unit(2)}
LONGEST_LIFE_S = 0.5


def embedding(name: str, likeness: int) -> np.ndarray:
    return towards(FACES[name], 0.9, seed=likeness + 100)


def crop(name: str, likeness: int) -> bytes:
    return f"face of {name} {likeness}".encode()


def traces(name: str, *likenesses: int) -> set[bytes]:
    return {trace for id in likenesses for trace in (crop(name, id), embedding(name, id).tobytes())}


def look(store: Store) -> tuple[Crowd, int, int]:
    """Returns the crowd, its revision and the newest likeness."""
    snapshot = store.strangers.snapshot(MODEL)
    return Crowd.of(snapshot), snapshot.revision, snapshot.newest_likeness


def meet(store: Store, name: str) -> int:
    """Returns the id of the likeness."""
    crowd, revision, newest = look(store)
    id = newest + 1
    likeness = Likeness(id, embedding(name, id), 0.8, "door", NOON)
    newer, outcome = see(crowd, Sighting(likeness, NOON), RULES)
    new = {id: crop(name, id)}
    change = crowd_change(crowd, newer, revision=revision, model_digest=MODEL, crops=new, merged=outcome.merged)
    store.strangers.apply(change)
    return id


def split(store: Store, stranger: int, leaving: Sequence[int]) -> CrowdChange:
    crowd, revision, _ = look(store)
    return crowd_change(crowd, crowd.split(stranger, leaving)[0], revision=revision, model_digest=MODEL)


def withdraw(store: Store, stranger: int, likeness: int) -> None:
    crowd, revision, _ = look(store)
    newer = crowd.withdraw(stranger, likeness)
    store.strangers.apply(crowd_change(crowd, newer, revision=revision, model_digest=MODEL))


def crops(store: Store, stranger: int) -> set[bytes]:
    return {crop.jpeg for crop in store.strangers.crops(stranger)}


def faults(store: Store) -> list[str]:
    return [fault for check in examine(store) for fault in check.faults]


def opened(store: Store, backup: Path) -> set[bytes | None]:
    """Returns what any key of today opens in a backup."""
    found, keys = set[bytes | None](), store.vault.ring.held()
    with closing(sqlite3.connect(backup)) as connection:
        for table in ("templates", "stranger_templates"):
            for column in ("embedding", "crop"):
                values = [value for (value,) in connection.execute(f"SELECT {column} FROM {table}")]
                context = f"{table}.{column}:{MODEL}"
                found.update(store.vault.open_many([(key, value, context) for key in keys for value in values]))
    return found - {None}


@pytest.fixture
def orders(store: Store) -> StrangerOrders:
    return StrangerOrders(store, MODEL, most_likenesses=8)


def test_who_was_merged_split_off_named_and_erased_is_in_no_backup(
    store: Store, orders: StrangerOrders, tmp_path: Path
) -> None:
    alice, bob = [meet(store, "Alice"), meet(store, "Alice")], meet(store, "Bob")
    steps = (lambda: None, lambda: orders.merge([2], 1), lambda: orders.split(1, [bob]), lambda: orders.name(3, "Bob"))
    backups = [tmp_path / f"backup-{number}" for number in range(len(steps))]
    for step, backup in zip(steps, backups, strict=True):
        step()
        back_up(store.database.path, backup)
        assert opened(store, backup) == traces("Alice", *alice) | traces("Bob", bob)
    store.people.erase("Bob")
    assert all(opened(store, backup) & traces("Bob", bob) == set() for backup in backups)
    assert opened(store, backups[-1]) == traces("Alice", *alice)
    assert store.vault.ring.held() == {"stranger:1.1"}
    with Store.open(store.database.path) as again:
        assert crops(again, 1) == {crop("Alice", id) for id in alice}
        assert again.strangers.entry(2).merged_into == 1, "old events still tell who it is"
        assert faults(again) == []


def test_likeness_that_is_taken_back_is_in_no_backup(store: Store, tmp_path: Path) -> None:
    right, wrong = meet(store, "Alice"), meet(store, "Alice")
    back_up(store.database.path, tmp_path / "backup")
    assert opened(store, tmp_path / "backup") == traces("Alice", right, wrong)
    withdraw(store, 1, wrong)
    assert opened(store, tmp_path / "backup") == set()
    assert crops(store, 1) == {crop("Alice", right)}
    assert faults(store) == []


def test_likeness_that_makes_room_for_another_leaves_the_key(store: Store) -> None:
    for _ in range(5):
        meet(store, "Alice")
    assert len(crops(store, 1)) == RULES.most_likenesses
    assert (store.vault.ring.held(), store.vault.ring.destroyed()) == ({"stranger:1"}, set())


def test_key_changes_with_each_split_and_goes_with_the_number(store: Store, orders: StrangerOrders) -> None:
    first, second, third = (meet(store, "Alice") for _ in range(3))
    assert (orders.split(1, [first]), orders.split(1, [second])) == (2, 3)
    assert store.vault.ring.held() == {"stranger:1.2", "stranger:2", "stranger:3"}
    assert crops(store, 1) == {crop("Alice", third)}
    orders.name(1, "Alice")
    store.people.erase("Alice")
    assert store.vault.ring.held() == {"stranger:2", "stranger:3"}
    orders.forget([2])
    assert store.vault.ring.held() == {"stranger:3"}


def test_change_that_is_not_stored_leaves_the_key(store: Store, orders: StrangerOrders) -> None:
    first, second = meet(store, "Alice"), meet(store, "Alice")
    fails: Draft = (make_event(), lambda number: str(1 // 0))
    with pytest.raises(ZeroDivisionError):
        store.strangers.apply(split(store, 1, [second]), events=[fails])
    # A key is on the disk before what it seals.
    assert store.vault.ring.held() == {"stranger:1", "stranger:1.1", "stranger:2"}
    with Store.open(store.database.path) as again:
        assert again.vault.ring.held() == {"stranger:1", "stranger:1.1", "stranger:2"}
        assert crops(again, 1) == {crop("Alice", first), crop("Alice", second)}
        assert faults(again) == []
    orders.split(1, [second])
    assert (crops(store, 1), crops(store, 2)) == ({crop("Alice", first)}, {crop("Alice", second)})
    assert store.vault.ring.held() == {"stranger:1.1", "stranger:2"}


class Stuck(Erasure):
    def _destroy_condemned(self) -> None:
        raise StoreBusyError("key ring keyring.sqlite: it is locked by another process")


def test_key_that_could_not_be_destroyed_is_destroyed_by_who_opens_the_store_next(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = meet(store, "Alice"), meet(store, "Alice")
    parts = store.database, store.vault, store.audit
    strangers = StrangerStore(*parts, Stuck(*parts, scrubs=True), store.events, store.people)
    strangers.apply(split(store, 1, [second]))
    assert "keys_not_destroyed" in caplog.text
    assert store.vault.ring.held() == {"stranger:1", "stranger:1.1", "stranger:2"}
    assert faults(store) == []
    with Store.open(store.database.path) as again:
        assert again.vault.ring.held() == {"stranger:1.1", "stranger:2"}
        assert (crops(again, 1), crops(again, 2)) == ({crop("Alice", first)}, {crop("Alice", second)})


def test_restored_backup_forgets_whose_key_was_changed_since_and_nobody_else(
    store: Store, orders: StrangerOrders, tmp_path: Path
) -> None:
    first, _ = meet(store, "Alice"), meet(store, "Alice")
    bob = meet(store, "Bob")
    store.people.enrol("Eve", make_template(unit(7)))
    back_up(store.database.path, tmp_path / "backup")
    orders.split(1, [first])
    store.close()
    shutil.copy(tmp_path / "backup", store.database.path)
    with Store.open(store.database.path) as restored:
        assert [entry.id for entry in restored.strangers.entries()] == [2]
        assert crops(restored, 2) == {crop("Bob", bob)}
        assert len(restored.people.templates(1)) == 1
        assert faults(restored) == []


def test_older_key_ring_does_not_bring_back_the_keys_of_before(
    store: Store, orders: StrangerOrders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, _, _ = meet(store, "Alice"), meet(store, "Alice"), meet(store, "Bob")
    copy_key_ring(store.vault.ring.path, tmp_path / "older")
    orders.merge([2], 1)
    orders.split(1, [first])
    shutil.copy(tmp_path / "older", store.vault.ring.path)
    assert [fault.split(",")[0] for fault in faults(store) if "erased" in fault] == [
        "stranger:1 was erased",
        "stranger:2 was erased",
    ]
    with Store.open(store.database.path) as again:
        assert again.vault.ring.held() == set()
        assert [(entry.id, entry.state) for entry in again.strangers.entries()] == [
            (1, "open"),
            (2, "merged"),
            (3, "open"),
        ]
    assert "erased_keys_were_restored keys=2" in caplog.text


def stir(store: Store, dice: random.Random) -> None:
    """Does something to strangers."""
    strangers = look(store)[0].strangers
    many = [one for one in strangers.values() if len(one.likenesses) > 1]
    orders, choice = StrangerOrders(store, MODEL, most_likenesses=8), dice.random()
    if len(strangers) > 1 and choice < 0.25:
        gone, into = dice.sample(sorted(strangers), 2)
        orders.merge([gone], into)
    elif many and choice < 0.5:
        one = dice.choice(many)
        orders.split(one.id, [one.likenesses[0].id])
    elif many and choice < 0.7:
        one = dice.choice(many)
        withdraw(store, one.id, one.likenesses[0].id)
    else:
        meet(store, dice.choice(sorted(FACES)))


def stir_until_killed(database: Path, ready: Path, seed: int) -> None:
    dice = random.Random(seed)
    while True:
        with Store.open(database) as store:
            for _ in range(10):
                stir(store, dice)
                ready.write_text("begun")


@pytest.mark.parametrize("rounds", [8, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_whoever_changes_keys_may_be_killed_at_any_time(tmp_path: Path, rounds: int) -> None:
    database, dice = tmp_path / "state" / "db", random.Random(5)
    for number in range(rounds):
        ready = tmp_path / f"ready-{number}"
        work = (stir_until_killed, database, ready, number)
        run_and_kill(*work, sign=ready, dice=dice, longest_s=LONGEST_LIFE_S)
        with Store.open(database) as store:
            assert faults(store) == []
            check_keys(store)


def check_keys(store: Store) -> None:
    """Whoever has a likeness has one key, and nobody else any; a key of the next change may be there already."""
    with store.database.read() as session:
        rows = session.scalars(select(StrangerRow).where(StrangerRow.state != "merged")).all()
        newest = int(meta.value(session, meta.LAST_STRANGER))
    for row in rows:
        assert len(crops(store, row.id)) == store.strangers.entry(row.id).likenesses > 0
    known = {key_of(row.id, row.key_version) for row in rows}
    begun = {key_of(row.id, row.key_version + 1) for row in rows} | {key_of(newest + 1, 0)}
    assert known <= store.vault.ring.held() <= known | begun
