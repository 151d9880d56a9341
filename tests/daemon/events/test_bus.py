import json
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

from daemon.events import CameraChanged, EventBusError, Identified, Person, decode_event
from daemon.events.bus import EventBus
from daemon.events.cursor import CursorFile
from daemon.events.schema import rfc3339
from daemon.store import Store
from tests.daemon.factories import make_template, unit
from tests.daemon.local_bus import LocalBus, local_bus


def make_draft(camera: str = "door", person: Person | None = None, track: str = "t1") -> Identified:
    return Identified(camera=camera, track=track, captured_at=rfc3339(time.time_ns()), person=person)


@pytest.fixture
def bus(store: Store, tmp_path: Path) -> Iterator[LocalBus]:
    with local_bus(store, tmp_path) as bus:
        yield bus


@pytest.fixture
def subscribe(tmp_path: Path) -> Iterator[Callable[..., "zmq.Socket[bytes]"]]:
    """Returns subscribers that are known to be connected to a bus."""
    made: list[zmq.Socket[bytes]] = []

    def make(bus: LocalBus, topic: str = "") -> "zmq.Socket[bytes]":
        socket = zmq.Context.instance().socket(zmq.SUB)
        made.append(socket)
        socket.subscribe(topic)
        socket.subscribe("bus.alive")
        socket.connect(f"ipc://{tmp_path}/events")
        while not socket.poll(20):
            bus.bus._do_chores()
        while socket.poll(100):
            socket.recv_multipart()
        if topic:
            socket.unsubscribe("bus.alive")
        return socket

    yield make
    for socket in made:
        socket.close()


Subscribe = Callable[..., "zmq.Socket[bytes]"]


def receive(socket: "zmq.Socket[bytes]") -> tuple[bytes, bytes]:
    assert socket.poll(5000)
    topic, payload = socket.recv_multipart()
    return topic, payload


def test_event_arrives_as_it_was_stored(store: Store, bus: LocalBus, subscribe: Subscribe) -> None:
    person = store.people.enrol("Ann", make_template(unit(1)))
    subscriber = subscribe(bus)
    bus.say(make_draft(person=Person(person.id, "Ann")), captured_ns=time.monotonic_ns() - 5_000_000)
    topic, payload = receive(subscriber)
    [stored] = store.events.since(0)
    assert (topic, payload.decode()) == (b"face.identified.door", stored.payload)
    event = decode_event(payload)
    assert isinstance(event, Identified)
    assert (event.sequence, event.epoch, stored.person_id) == (1, store.epoch, person.id)
    assert 5 <= event.latency_ms < 5000
    assert event.published_at > event.captured_at


def test_topic_is_kind_and_camera(bus: LocalBus, subscribe: Subscribe) -> None:
    subscriber = subscribe(bus, "face.identified.door")
    state = CameraChanged(camera="door", captured_at=rfc3339(0), state="streaming", detail="")
    bus.say(make_draft("yard"), state, make_draft("door"))
    assert json.loads(receive(subscriber)[1])["sequence"] == 3


def test_person_erased_before_publication_is_not_named(store: Store, tmp_path: Path, subscribe: Subscribe) -> None:
    ann = store.people.enrol("Ann", make_template(unit(1)))
    with local_bus(store, tmp_path) as bus:
        subscriber = subscribe(bus)
        bus.write(make_draft(person=Person(ann.id, "Ann")))
        store.people.erase("Ann")
        bus.bus.finish()
        assert json.loads(receive(subscriber)[1])["person"] is None


def test_beat_says_how_far_it_has_told(store: Store, bus: LocalBus, subscribe: Subscribe) -> None:
    subscriber = subscribe(bus)
    bus.say(make_draft(), make_draft())
    bus.bus._do_chores()
    told = [receive(subscriber) for _ in range(3)]
    assert told[-1][0] == b"bus.alive"
    assert json.loads(told[-1][1]) == {"epoch": store.epoch, "newest": 2}


def test_successor_goes_on_from_the_cursor_and_skips_nothing(
    store: Store, tmp_path: Path, subscribe: Subscribe
) -> None:
    with local_bus(store, tmp_path) as bus:
        bus.say(make_draft(), make_draft())
        bus.write(make_draft())  # and then it dies
    with local_bus(store, tmp_path) as bus:
        assert bus.bus.told == 2
        subscriber = subscribe(bus)
        bus.bus.finish()
        # The chores of `subscribe` may have published it, before the subscription stood.
        assert bus.bus.told == 3
        bus.say(make_draft())
        assert json.loads(receive(subscriber)[1])["sequence"] in (3, 4)


@pytest.mark.parametrize("content", [b"", b"{", b'{"epoch":"another","sequence":1}', b"\xff" * 100])
def test_cursor_that_says_nothing_of_this_database_tells_no_past_as_news(
    store: Store, tmp_path: Path, content: bytes
) -> None:
    with local_bus(store, tmp_path) as bus:
        bus.write(make_draft(), make_draft())
    (tmp_path / "bus.cursor").write_bytes(content)
    with local_bus(store, tmp_path) as bus:
        assert (bus.bus.told, bus.bus.behind) == (2, 0)
        bus.write(make_draft())
        bus.bus.finish()
        assert bus.bus.counts["published"] == 1
    assert CursorFile(tmp_path / "bus.cursor", store.epoch).load() == 3


def test_store_that_goes_back_is_followed(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with local_bus(store, tmp_path) as bus:
        bus.write(*(make_draft() for _ in range(5)))
        bus.bus.finish()
        with sqlite3.connect(store.database.path) as older_copy:
            older_copy.execute("DELETE FROM events WHERE sequence > 3")
            older_copy.execute("UPDATE sqlite_sequence SET seq = 3 WHERE name = 'events'")
        bus.bus.finish()
        assert (bus.bus.told, bus.bus.behind) == (3, 0)
        bus.write(make_draft())
        bus.bus.finish()
        assert bus.bus.told == 4
    assert "store_went_back told=5 newest=3" in caplog.text


def test_store_whose_events_have_all_expired_is_no_older_one(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with local_bus(store, tmp_path) as bus:
        bus.say(make_draft(), make_draft())
        with sqlite3.connect(store.database.path) as connection:
            connection.execute("DELETE FROM events")
        bus.bus.finish()
        assert (bus.bus.told, bus.bus.behind) == (2, 0)
        bus.say(make_draft())
        assert bus.bus.told == 3
    assert "store_went_back" not in caplog.text


def test_cursor_ahead_of_an_older_copy_of_the_database_hides_nothing(store: Store, tmp_path: Path) -> None:
    CursorFile(tmp_path / "bus.cursor", store.epoch).save(99)
    with local_bus(store, tmp_path) as bus:
        bus.say(make_draft())
        assert bus.bus.told == 1


def test_hint_that_was_lost_or_lies_does_no_harm(store: Store, tmp_path: Path) -> None:
    with EventBus(store, CursorFile(tmp_path / "cursor", store.epoch), "json") as bus:
        with zmq.Context.instance().socket(zmq.PUB) as hints:
            hints.bind(f"ipc://{tmp_path}/stored")
            endpoints = {name: f"ipc://{tmp_path}/{name}" for name in ("events", "requests", "stored")}
            bus.open(zmq.Context.instance(), **endpoints)
            time.sleep(0.1)
            hints.send(b"\xff" * 40)
            for _ in range(5):
                bus.turn(20)
        assert bus.behind == 0
        store.events.append_many([])
        assert bus.told == 0


def test_messagepack_holds_the_same(store: Store, tmp_path: Path, subscribe: Subscribe) -> None:
    with local_bus(store, tmp_path, "msgpack") as bus:
        subscriber = subscribe(bus)
        bus.say(make_draft())
        payload = receive(subscriber)[1]
    [stored] = store.events.since(0)
    assert payload[:1] != b"{"
    assert msgspec.msgpack.decode(payload) == json.loads(stored.payload)


def test_sockets_are_for_their_owner_only(bus: LocalBus, tmp_path: Path) -> None:
    for name in ("events", "requests", "stored"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_cursor_that_cannot_be_written_is_told_once(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with local_bus(store, tmp_path) as bus:
        (tmp_path / "bus.part").mkdir()
        bus.say(make_draft())
        bus.say(make_draft())
    assert caplog.text.count("cursor_not_saved") == 1


def test_impossible_endpoint_is_told(store: Store, tmp_path: Path) -> None:
    with EventBus(store, CursorFile(tmp_path / "cursor", store.epoch), "json") as bus, pytest.raises(EventBusError):
        bus.open(zmq.Context.instance(), events="ipc://" + "x" * 200, requests="", stored="")
