import logging
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from daemon.events import AnyEvent, CameraChanged, EventBusError, EventPublisher, EventSubscriber, Identified, Person
from daemon.events.schema import rfc3339
from daemon.store import Store, UnknownPersonError
from tests.daemon.factories import make_template, unit


def make_draft(camera: str = "door", person: Person | None = None) -> Identified:
    return Identified(camera=camera, track="t1", captured_at=rfc3339(time.time_ns()), person=person)


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/events"


@pytest.fixture
def publisher(store: Store, endpoint: str) -> Iterator[EventPublisher]:
    with EventPublisher(store, endpoint, zmq.Context.instance()) as publisher:
        yield publisher


Subscribe = Callable[..., EventSubscriber]


@pytest.fixture
def subscribe(publisher: EventPublisher, endpoint: str) -> Iterator[Subscribe]:
    """Returns subscribers that are known to be connected."""
    made: list[EventSubscriber] = []

    def make(camera: str | None = None) -> EventSubscriber:
        subscriber = EventSubscriber(endpoint, camera)
        made.append(subscriber)
        while subscriber.receive(0.02) is None:  # what was published before the connection stood is lost
            publisher.publish(make_draft(camera or "door"), time.monotonic_ns())
        while subscriber.receive(0.02):
            pass
        return subscriber

    yield make
    for subscriber in made:
        subscriber.close()


def next_event(subscriber: EventSubscriber) -> AnyEvent:
    event = subscriber.receive(5)
    assert event
    return event


def test_event_arrives_as_it_was_stored(store: Store, publisher: EventPublisher, subscribe: Subscribe) -> None:
    person = store.people.enrol("Ann", make_template(unit(1)))
    subscriber, before = subscribe(), len(store.events.since(0))
    published = publisher.publish(make_draft(person=Person(person.id, "Ann")), time.monotonic_ns() - 5_000_000)
    received = next_event(subscriber)
    [stored] = store.events.since(before)
    assert received == published
    assert (received.sequence, received.epoch, stored.person_id) == (before + 1, store.epoch, person.id)
    assert isinstance(received, Identified)
    assert 5 <= received.latency_ms < 5000
    assert received.published_at > received.captured_at


def test_what_is_not_stored_is_not_published(store: Store, publisher: EventPublisher, subscribe: Subscribe) -> None:
    subscriber = subscribe()
    with pytest.raises(UnknownPersonError):
        publisher.publish(make_draft(person=Person(99, "Nobody")), 0)
    publisher.publish(CameraChanged(camera="door", captured_at=rfc3339(0), state="streaming", detail=""))
    assert next_event(subscriber).kind == "camera"
    assert subscriber.missed == 0


def test_subscriber_of_a_camera_hears_no_other(publisher: EventPublisher, subscribe: Subscribe) -> None:
    subscriber = subscribe("door")
    for camera in ("door2", "yard", "door"):
        publisher.publish(make_draft(camera), 0)
    assert next_event(subscriber).camera == "door"
    assert subscriber.missed == 0


def test_socket_is_for_its_owner_only(publisher: EventPublisher, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "events").stat().st_mode) == 0o600


def test_endpoint_in_use_is_told(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(EventBusError, match="Another process"):
        EventPublisher(store, f"tcp://127.0.0.1:{taken.getsockname()[1]}", zmq.Context.instance())


def test_bus_that_the_network_can_reach_is_warned_of(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    EventPublisher(store, "tcp://127.0.0.1:*", zmq.Context.instance()).close()
    assert "unprotected" not in caplog.text
    EventPublisher(store, "tcp://0.0.0.0:*", zmq.Context.instance()).close()
    assert "events_unprotected endpoint=tcp://0.0.0.0" in caplog.text


@pytest.mark.parametrize("endpoint", ["events", "carrier-pigeon://roof", "ipc://" + "x" * 200])
def test_impossible_endpoint_is_told(endpoint: str) -> None:
    with pytest.raises(EventBusError):
        EventSubscriber(endpoint)


def test_gap_repeat_and_garbage_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def event(sequence: int, epoch: str = "one") -> bytes:
        head = f'{{"kind":"camera","version":1,"epoch":"{epoch}","sequence":{sequence},"camera":"door"'
        return f'{head},"captured_at":"","state":"streaming","detail":""}}'.encode()

    endpoint = f"ipc://{tmp_path}/raw"
    with zmq.Context.instance().socket(zmq.XPUB) as raw, EventSubscriber(endpoint) as subscriber:
        raw.bind(endpoint)
        raw.recv()  # the subscription has arrived
        for payload in (
            event(5),
            event(5),
            event(8),
            b"{",
            b'{"kind":"\xff"}',
            event(4),
            event(1, "two"),
            event(2, "two"),
        ):
            raw.send_multipart([b"camera.door.camera", payload])
        with caplog.at_level(logging.WARNING):
            seen = [next_event(subscriber) for _ in range(4)]
    assert [(e.epoch, e.sequence) for e in seen] == [("one", 5), ("one", 8), ("two", 1), ("two", 2)]
    assert (subscriber.missed, subscriber.unreadable) == (2, 2)
    assert "events_missed first=6 last=7" in caplog.text
