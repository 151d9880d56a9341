"""The worker as the supervisor runs it: a process, real sockets, a real database."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import zmq
from rig.processes import worker_processes

from daemon.events import AnyEvent, Appeared, GalleryChanged, decode_event
from daemon.exits import EXIT_CANNOT_BOOT, EXIT_ENDED, EXIT_FAILURE
from daemon.messages import CameraStateChanged, TrackEnded, TracksInSight, encode
from daemon.store import Store
from daemon.workers.task import IdentityTask
from tests.daemon.factories import MODEL, make_event, make_face, make_template, unit

ANN, BOB = unit(1), unit(2)
READY = CameraStateChanged("door", "streaming", "", time.time_ns())

Worker = subprocess.Popen[bytes]


def make_task(folder: Path) -> IdentityTask:
    return IdentityTask(
        database=str(folder / "identities.sqlite"),
        master_key=f"file:{folder}/master.key",
        model=MODEL,
        threshold=0.5,
        margin=0.05,
        hysteresis=0.05,
        least_observations=2,
        heartbeat=str(folder / "identity.heartbeat"),
        observations_endpoint=f"ipc://{folder}/observations",
        stored_endpoint=f"ipc://{folder}/stored",
        reports=f"ipc://{folder}/reports",
        keep_days=30,
    )


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    with worker_processes("daemon.workers.identity", tmp_path / "identity.heartbeat") as start:
        yield lambda: start(make_task(tmp_path))


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Callable[..., None]]:
    with zmq.Context.instance().socket(zmq.PUSH) as socket:
        socket.connect(make_task(tmp_path).observations_endpoint)
        socket.linger = 0
        yield lambda *messages: [socket.send(m if isinstance(m, bytes) else encode(m)) for m in messages]


class Follower:
    """Reads on in the store; leaves out the events that these tests are not about."""

    def __init__(self, store: Store) -> None:
        self._store, self._position = store, 0

    def receive(self, timeout_s: float) -> AnyEvent | None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for stored in self._store.events.since(self._position, limit=1):
                self._position = stored.sequence
                event = None if stored.payload == "{}" else decode_event(stored.payload)
                if event and not isinstance(event, Appeared | GalleryChanged):
                    return event
            time.sleep(0.01)
        return None


@pytest.fixture
def follower(store: Store) -> Follower:
    return Follower(store)


def wait_until_heard(follower: Follower, push: Callable[..., None]) -> None:
    for _ in range(100):
        push(READY)
        if follower.receive(0.2):
            while follower.receive(0.3):
                pass
            return
    pytest.fail("the worker does not answer")


def next_event(follower: Follower) -> AnyEvent:
    event = follower.receive(20)
    assert event
    return event


Start, Push = Callable[[], Worker], Callable[..., None]


def test_killed_worker_goes_on_where_it_was(start_worker: Start, push: Push, follower: Follower, store: Store) -> None:
    store.people.enrol("Ann", make_template(ANN))
    worker = start_worker()
    wait_until_heard(follower, push)
    push(*[make_face("t1", ANN)] * 3, *[make_face("t2", BOB)] * 3)
    said = [next_event(follower), next_event(follower)]
    worker.kill()
    worker.wait()

    start_worker()
    wait_until_heard(follower, push)
    push(*[make_face("t1", ANN)] * 5, *[make_face("t2", BOB)] * 5, TrackEnded("door", "t1", 1, 2))
    left = next_event(follower)

    assert [(e.kind, e.track) for e in [*said, left]] == [
        ("face.identified", "t1"),
        ("face.unknown", "t2"),
        ("face.left", "t1"),
    ]
    stored = store.events.since(0)
    assert [event.sequence for event in stored] == list(range(1, len(stored) + 1))
    kinds = [event.kind for event in stored if event.track]
    assert sorted(kinds) == ["face.appeared"] * 2 + ["face.identified", "face.left", "face.unknown"]
    assert (left.sequence, left.epoch) == (stored[-1].sequence, store.epoch)


def test_people_are_added_and_erased_while_it_runs(
    start_worker: Start, push: Push, follower: Follower, store: Store
) -> None:
    start_worker()
    wait_until_heard(follower, push)
    push(*[make_face("t1", ANN)] * 2)
    assert next_event(follower).kind == "face.unknown"
    store.people.enrol("Ann", make_template(ANN))
    named = next_event(follower)
    assert named.person
    assert (named.kind, named.person.name) == ("face.corrected", "Ann")
    store.people.erase("Ann")
    assert next_event(follower).person is None
    assert not any(b"Ann" in file.read_bytes() for file in store.database.path.parent.glob("identities.sqlite*"))


def test_tracks_that_nobody_follows_any_more_leave(
    start_worker: Start, push: Push, follower: Follower, store: Store
) -> None:
    start_worker()
    wait_until_heard(follower, push)
    push(*[make_face("t1", ANN)] * 2, TracksInSight({"door": []}))
    left = [next_event(follower) for _ in range(2)][1]
    assert (left.kind, left.track) == ("face.left", "t1")


def test_events_older_than_the_limit_are_forgotten(
    start_worker: Start, push: Push, follower: Follower, store: Store
) -> None:
    store.events.append(replace(make_event(), at=datetime(2000, 1, 1, tzinfo=UTC)), lambda n: "{}")
    store.events.append(make_event(kind="face.left"), lambda n: "{}")
    start_worker()
    wait_until_heard(follower, push)
    assert store.events.since(0)[0].sequence == 2


def test_garbage_does_not_stop_it(start_worker: Start, push: Push, follower: Follower, store: Store) -> None:
    start_worker()
    wait_until_heard(follower, push)
    push(b"", b"\xff" * 1000, msgspec.msgpack.encode({"type": "face"}), b"\x00" * (2 << 20))
    push(*[make_face("t1", ANN)] * 2)
    wait_until_heard(follower, push)


def test_sigterm_works_off_what_had_arrived(start_worker: Start, push: Push, follower: Follower, store: Store) -> None:
    worker = start_worker()
    wait_until_heard(follower, push)
    os.kill(worker.pid, signal.SIGSTOP)
    push(*[make_face("t1", ANN)] * 2)
    os.kill(worker.pid, signal.SIGTERM)
    os.kill(worker.pid, signal.SIGCONT)
    assert worker.wait(5) == EXIT_ENDED
    assert store.events.since(0)[-1].kind == "face.unknown"


def test_worker_ends_with_its_supervisor(start_worker: Start, push: Push, follower: Follower) -> None:
    worker = start_worker()
    wait_until_heard(follower, push)
    assert worker.stdin
    worker.stdin.close()
    assert worker.wait(5) != 0


def test_unusable_store_stops_the_daemon(start_worker: Start, tmp_path: Path) -> None:
    (tmp_path / "identities.sqlite").write_text("a shopping list " * 100)
    assert start_worker().wait(20) == EXIT_CANNOT_BOOT


def test_locked_store_is_worth_another_start(start_worker: Start, store: Store) -> None:
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert start_worker().wait(30) == EXIT_FAILURE


def test_endpoint_that_cannot_be_bound_stops_the_daemon(start_worker: Start, tmp_path: Path) -> None:
    (tmp_path / "observations").mkdir()
    assert start_worker().wait(20) == EXIT_CANNOT_BOOT
