"""The bus worker as the supervisor runs it, killed while events come."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq
from rig.processes import worker_processes

from daemon.events import Unknown
from daemon.events.schema import rfc3339
from daemon.events.writer import Draft, EventWriter
from daemon.exits import EXIT_CANNOT_BOOT, EXIT_ENDED
from daemon.store import Store
from daemon.workers.task import BusTask

Start = Callable[[], "subprocess.Popen[bytes]"]
Write = Callable[[int], None]


@pytest.fixture
def start(tmp_path: Path, store: Store) -> Iterator[Start]:
    names = ("stored", "events", "requests", "control", "observations", "reports")
    endpoints = {name: f"ipc://{tmp_path}/{name}" for name in names}
    database, cursor = str(store.database.path), str(tmp_path / "cursor")
    task = BusTask(database=database, cursor=cursor, heartbeat=str(tmp_path / "heartbeat"), **endpoints)
    with worker_processes("daemon.workers.bus", tmp_path / "heartbeat") as start:
        yield lambda: start(task)


@pytest.fixture
def write(store: Store, tmp_path: Path) -> Iterator[Write]:
    draft = Draft(Unknown(camera="door", track="t1", captured_at=rfc3339(0)))
    with EventWriter(store, f"ipc://{tmp_path}/stored", zmq.Context.instance()) as writer:
        yield lambda count: [writer.write([draft]) for _ in range(count)] and None


@pytest.fixture
def subscriber(tmp_path: Path) -> Iterator["zmq.Socket[bytes]"]:
    with zmq.Context.instance().socket(zmq.SUB) as socket:
        socket.subscribe("")
        socket.connect(f"ipc://{tmp_path}/events")
        yield socket


def heard(subscriber: "zmq.Socket[bytes]", last: int) -> list[int]:
    """Returns the sequence numbers that come, up to the first beat that names the last one."""
    numbers = []
    while subscriber.poll(20_000):
        topic, payload = subscriber.recv_multipart()
        body = json.loads(payload)
        if topic != b"bus.alive":
            numbers.append(body["sequence"])
        elif body["newest"] >= last:
            return numbers
    pytest.fail("the bus does not answer")


def test_killed_bus_is_never_ahead_of_what_it_told(
    start: Start, write: Write, subscriber: "zmq.Socket[bytes]", tmp_path: Path
) -> None:
    for stored in (0, 40, 80):
        bus = start()
        told = [stored, *heard(subscriber, last=stored)]
        write(20)
        bus.kill()
        bus.wait()
        while subscriber.poll(200):
            told.append(json.loads(subscriber.recv_multipart()[1]).get("sequence", 0))
        cursor = tmp_path / "cursor"
        assert not cursor.exists() or json.loads(cursor.read_bytes())["sequence"] <= max(told)
        write(20)  # while there is no bus
    start()
    heard(subscriber, last=120)  # the beat tells who came late how far it is


def test_bus_that_is_asked_to_stop_publishes_what_is_stored(
    start: Start, write: Write, subscriber: "zmq.Socket[bytes]", tmp_path: Path
) -> None:
    bus = start()
    heard(subscriber, last=0)
    write(50)
    bus.terminate()
    assert bus.wait(10) == EXIT_ENDED
    assert json.loads((tmp_path / "cursor").read_bytes())["sequence"] == 50


def test_endpoint_that_cannot_be_bound_ends_it_to_be_tried_again(start: Start, tmp_path: Path) -> None:
    (tmp_path / "requests").mkdir()
    assert start().wait(20) not in (EXIT_ENDED, EXIT_CANNOT_BOOT)
