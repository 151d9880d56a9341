"""Real sockets against a bus that can be told to misbehave."""

import asyncio
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import msgpack
import pytest

from deconvid_client import (
    SCHEMA_VERSION,
    AsyncSubscriber,
    BusError,
    Cursor,
    CursorAheadError,
    NewerDaemonError,
    Person,
    Subscriber,
)
from deconvid_client.event import Filter
from deconvid_client.session import SILENCE_S, Session
from deconvid_client.sockets import Address
from tests.deconvid_client.bus_double import BusDouble

FACE, CAMERA = "face.identified", "camera.state"
PATIENCE_S = 10


def receive(subscriber: Subscriber, n: int) -> list[int]:
    events = [subscriber.receive(PATIENCE_S) for _ in range(n)]
    return [event.sequence for event in events if event is not None]


def wait_for(condition: Callable[[], bool], subscriber: Subscriber) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert subscriber.receive(0.02) is None
        assert time.monotonic() < deadline


def test_event_tells_what_happened(bus: BusDouble) -> None:
    bus.publish(FACE)
    with Subscriber(bus.endpoint, after="start") as subscriber:
        event = subscriber.receive(PATIENCE_S)
    assert event is not None
    assert (event.kind, event.camera, event.person) == (FACE, "door", Person(1, "Ada"))
    assert event.captured_at.isoformat() == "2026-01-02T03:04:05.000006+00:00"
    assert event.data["captured_at"] == "2026-01-02T03:04:05.000006Z"


def test_everything_kept_and_then_what_comes(bus: BusDouble) -> None:
    bus.publish(*[FACE] * 2500)
    with Subscriber(bus.endpoint, after="start") as subscriber:
        assert receive(subscriber, 2500) == list(range(1, 2501))
        bus.publish(FACE, CAMERA)
        assert receive(subscriber, 2) == [2501, 2502]


@pytest.mark.parametrize("heard", [True, False], ids=["live", "replayed"])
def test_event_of_a_newer_schema_is_neither_passed_over_nor_lost(bus: BusDouble, heard: bool) -> None:
    with Subscriber(bus.endpoint, after=("one", 0), timeout_s=0.1) as subscriber:
        bus.publish(FACE)
        assert receive(subscriber, 1) == [1]
        bus.encode = lambda event: json.dumps(event | {"version": SCHEMA_VERSION + 1}).encode()
        bus.publish(FACE, heard=heard)
        for _ in range(2):
            with pytest.raises(NewerDaemonError, match="update deconvid_client"):
                subscriber.receive(PATIENCE_S)
        assert subscriber.cursor == ("one", 1)
        assert subscriber.unreadable == 0


def test_from_now_on_leaves_out_the_past(bus: BusDouble) -> None:
    bus.stop()
    bus.publish(*[FACE] * 3, heard=False)
    bus.start()
    with Subscriber(bus.endpoint) as subscriber:
        wait_for(lambda: subscriber.cursor == ("one", 3), subscriber)
        bus.publish(FACE)
        assert receive(subscriber, 1) == [4]


def test_cursor_goes_on_in_the_next_run(bus: BusDouble) -> None:
    bus.publish(*[FACE] * 5)
    with Subscriber(bus.endpoint, after="start") as subscriber:
        receive(subscriber, 2)
        stored = json.dumps(subscriber.cursor)
    with Subscriber(bus.endpoint, after=tuple(json.loads(stored))) as subscriber:
        assert receive(subscriber, 3) == [3, 4, 5]


def test_what_was_not_heard_is_replayed_in_its_place(bus: BusDouble) -> None:
    with Subscriber(bus.endpoint, after="start") as subscriber:
        bus.publish(FACE)
        receive(subscriber, 1)
        bus.publish(FACE, FACE, heard=False)
        bus.publish(FACE)
        assert receive(subscriber, 3) == [2, 3, 4]


def test_beat_reveals_what_was_lost_before_silence(bus: BusDouble) -> None:
    with Subscriber(bus.endpoint, after="start") as subscriber:
        bus.publish(FACE)
        receive(subscriber, 1)
        bus.publish(FACE, heard=False)
        assert receive(subscriber, 1) == [2]


def test_filter_knows_beginnings_of_kinds_and_cameras(bus: BusDouble) -> None:
    bus.publish(FACE, CAMERA, "daemon.started", "face.left")
    with Subscriber(bus.endpoint, after="start", kinds=["face."], cameras=["door"]) as subscriber:
        assert receive(subscriber, 2) == [1, 4]
        assert subscriber.lost == 0
    with Subscriber(bus.endpoint, after="start", cameras=["yard"]) as subscriber:
        wait_for(lambda: subscriber.cursor == ("one", 4), subscriber)


def test_bus_that_ends_and_comes_back_is_followed(bus: BusDouble) -> None:
    with Subscriber(bus.endpoint, after="start") as subscriber:
        bus.publish(FACE)
        assert receive(subscriber, 1) == [1]
        bus.stop()
        bus.publish(FACE, FACE, heard=False)
        bus.start()
        assert receive(subscriber, 2) == [2, 3]


def test_another_database_is_followed_from_its_start(bus: BusDouble) -> None:
    with Subscriber(bus.endpoint, after="start") as subscriber:
        bus.publish(FACE, FACE)
        receive(subscriber, 2)
        bus.begin_anew("two")
        bus.publish(FACE)
        assert receive(subscriber, 1) == [1]
        assert subscriber.cursor == ("two", 1)


def test_deleted_events_are_counted(bus: BusDouble) -> None:
    bus.publish(*[FACE] * 5)
    bus.forget(3)
    with Subscriber(bus.endpoint, after=Cursor("one", 1)) as subscriber:
        assert receive(subscriber, 2) == [4, 5]
        assert subscriber.lost == 2


def test_request_that_got_lost_is_made_again(bus: BusDouble) -> None:
    bus.mute = 2
    bus.publish(FACE)
    with Subscriber(bus.endpoint, after="start", timeout_s=0.2) as subscriber:
        assert receive(subscriber, 1) == [1]
    assert len(bus.asked) == 3


def test_older_copy_of_the_database_is_told(bus: BusDouble) -> None:
    bus.publish(FACE)
    with (
        Subscriber(bus.endpoint, after=("one", 9)) as subscriber,
        pytest.raises(CursorAheadError, match="event 9 was seen"),
    ):
        subscriber.receive(PATIENCE_S)


def test_silence_is_told_once_and_again_after_the_daemon_spoke(bus: BusDouble, caplog) -> None:
    now_s = 100.0
    bus.stop()
    session = Session(Address.of(bus.endpoint, None, None), Filter(), None, 2.0, clock=lambda: now_s)
    assert session.prepare_to_wait(math.inf) == SILENCE_S * 1000
    for _ in range(2):
        now_s += SILENCE_S
        session.prepare_to_wait(math.inf)
    assert caplog.text.count("daemon_silent") == 1
    assert bus.endpoint in caplog.text
    bus.start()
    assert session.live.poll(PATIENCE_S * 1000)
    session.prepare_to_wait(math.inf)
    session.read()
    bus.stop()
    while session.live.poll(100):
        session.read()
    assert caplog.text.count("daemon_silent") == 1
    now_s += SILENCE_S
    session.prepare_to_wait(math.inf)
    assert caplog.text.count("daemon_silent") == 2
    session.close()
    bus.start()


def test_messagepack_is_read_too(bus: BusDouble) -> None:
    bus.encode = msgpack.packb
    bus.publish(FACE)
    with Subscriber(bus.endpoint, after="start") as subscriber:
        event = subscriber.receive(PATIENCE_S)
        assert event is not None
        assert event.person == Person(1, "Ada")


def test_garbage_is_passed_over_and_counted(bus: BusDouble) -> None:
    with Subscriber(bus.endpoint, after="start") as subscriber:
        wait_for(lambda: subscriber.is_connected, subscriber)
        bus._outbox += [b"", b"{", b"{}", b"\xc1", b'{"a":' * 10_000]
        bus.publish(FACE)
        assert receive(subscriber, 1) == [1]
        assert subscriber.unreadable == 5


def test_filtered_flood_does_not_outlast_the_time_limit(bus: BusDouble) -> None:
    with Subscriber(bus.endpoint, after="start", kinds=["engine."]) as subscriber:
        bus.publish(*[FACE] * 5000)
        started = time.monotonic()
        assert subscriber.receive(0.2) is None
        assert time.monotonic() - started < 2


def test_silence_is_told_apart_from_a_bus_without_news(bus: BusDouble) -> None:
    now_s = 100.0
    session = Session(Address.of(bus.endpoint, None, None), Filter(), None, 2.0, clock=lambda: now_s)
    assert not session.is_connected
    while not session.is_connected:
        session.read()
    now_s += SILENCE_S
    assert not session.is_connected
    session.close()


def test_asynchronous_one_does_the_same(bus: BusDouble) -> None:
    async def follow() -> list[int]:
        bus.publish(FACE, FACE)
        sequences = []
        async with AsyncSubscriber(bus.endpoint, after="start", kinds=["face."]) as subscriber:
            async for event in subscriber:
                sequences.append(event.sequence)
                if event.sequence == 2:
                    bus.publish(CAMERA, FACE, heard=False)
                if event.sequence == 4:
                    break
            assert await subscriber.receive(0.05) is None
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(subscriber.receive(), 0.05)
            bus.publish(FACE)
            event = await subscriber.receive(PATIENCE_S)
            assert event is not None
            return [*sequences, event.sequence]

    assert asyncio.run(follow()) == [1, 2, 4, 5]


@pytest.mark.parametrize("endpoint", [None, "events", "carrier-pigeon://roof", "ipc://" + "x" * 200 + "/events"])
def test_impossible_address_is_told(endpoint: str | None) -> None:
    with pytest.raises(BusError):
        Subscriber(endpoint)


def test_kinds_are_not_one_word(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="not 'face"):
        Subscriber(f"ipc://{tmp_path}/events", kinds="face.")
