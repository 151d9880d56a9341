"""Requests as clients make them, good and bad."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from daemon.events import Appeared, CameraChanged, Corrected, Event, Identified, Left, Person, Unknown
from daemon.events.schema import rfc3339
from daemon.store import Store
from tests.daemon.factories import make_template, unit
from tests.daemon.local_bus import LocalBus, local_bus

Ask = Callable[..., tuple[dict[str, Any], list[dict[str, Any]]]]
AT = rfc3339(time.time_ns())


@pytest.fixture
def bus(store: Store, tmp_path: Path) -> Iterator[LocalBus]:
    with local_bus(store, tmp_path) as bus:
        yield bus


@pytest.fixture
def dealer(tmp_path: Path) -> Iterator["zmq.Socket[bytes]"]:
    with zmq.Context.instance().socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(f"ipc://{tmp_path}/requests")
        yield dealer


@pytest.fixture
def ask(bus: LocalBus, dealer: "zmq.Socket[bytes]") -> Ask:
    """`ask(after=3)` asks for a replay, `ask(b"...")` sends bytes."""

    def ask(body: bytes | None = None, **values: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        dealer.send_multipart([b"7", json.dumps({"ask": "replay"} | values).encode() if body is None else body])
        while not dealer.poll(10):
            bus.bus.turn(10)
        number, header, *payloads = dealer.recv_multipart()
        assert number == b"7"
        return json.loads(header), [json.loads(payload) for payload in payloads]

    return ask


def words(n: int, camera: str = "door") -> list[Event]:
    return [Unknown(camera=camera, track=f"t{i}", captured_at=AT) for i in range(n)]


def test_pages_tell_everything_in_order(bus: LocalBus, ask: Ask, store: Store) -> None:
    bus.say(*words(25))
    seen, after, more = [], 0, True
    while more:
        header, events = ask(after=after, limit=10)
        seen += [event["sequence"] for event in events]
        after, more = header["through"], header["more"]
    assert seen == list(range(1, 26))
    assert header == {"ok": True, "epoch": store.epoch, "oldest": 1, "newest": 25, "through": 25, "more": False}


def test_filters_pass_over_others_and_say_how_far_they_looked(
    bus: LocalBus, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.store.events.LOOK_THROUGH", 8)
    bus.say(*words(20), CameraChanged(camera="yard", captured_at=AT, state="streaming", detail=""))
    header, events = ask(after=0, kinds=["camera."])
    assert (header["through"], header["more"], events) == (8, True, [])
    header, events = ask(after=16, kinds=["camera."], cameras=["yard"])
    assert (header["through"], header["more"], len(events)) == (21, False, 1)
    assert ask(after=16, kinds=["camera."], cameras=["door"])[1] == []
    assert len(ask(after=14, kinds=["face.unknown", "camera.state"])[1]) == 7


def test_page_has_at_most_a_mebibyte(bus: LocalBus, ask: Ask) -> None:
    long = [CameraChanged(camera="yard", captured_at=AT, state="backoff", detail="x" * 40_000) for _ in range(50)]
    bus.say(*long)
    header, events = ask(after=0)
    assert 20 <= len(events) <= 26
    assert (header["through"], header["more"]) == (len(events), True)


def test_forgotten_events_are_passed_over(bus: LocalBus, ask: Ask, store: Store) -> None:
    bus.say(*words(30))
    with store.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM events WHERE sequence < 21")
    header, events = ask(after=3, limit=5)
    assert (header["oldest"], header["through"], len(events)) == (21, 25, 5)


def test_position_of_another_history_is_void(bus: LocalBus, ask: Ask, store: Store) -> None:
    bus.say(*words(3))
    header, events = ask(after=2, epoch="another")
    assert (header["epoch"], len(events)) == (store.epoch, 3)
    assert len(ask(after=2, epoch=store.epoch)[1]) == 1


def test_last_is_what_holds_now(bus: LocalBus, ask: Ask, store: Store) -> None:
    def face(kind: type[Any], track: str, **values: Any) -> Event:
        event: Event = kind(camera="door", track=track, captured_at=AT, **values)
        return event

    def state(camera: str, state: str) -> Event:
        return CameraChanged(camera=camera, captured_at=AT, state=state, detail="")

    ann = store.people.enrol("Ann", make_template(unit(1)))
    bus.say(state("door", "connecting"), state("yard", "streaming"), state("door", "streaming"))
    bus.say(face(Appeared, "t1"), face(Unknown, "t1"), face(Appeared, "t2"), face(Unknown, "t2"))
    bus.say(face(Identified, "t3", person=Person(ann.id, "Ann")), face(Corrected, "t1", corrects=5))
    bus.say(face(Left, "t2", first_seen_at=AT, last_seen_at=AT))
    header, events = ask(ask="last")
    assert [(event["sequence"], event["kind"]) for event in events] == [
        (2, "camera.state"),
        (3, "camera.state"),
        (8, "face.identified"),
        (9, "face.corrected"),
    ]
    assert (header["ok"], header["through"], header["more"]) == (True, 10, False)
    header, events = ask(ask="last", limit=1)
    assert (header["through"], header["more"], len(events)) == (2, True, 1)
    assert [event["sequence"] for event in ask(ask="last", after=3)[1]] == [8, 9]
    store.people.erase("Ann")
    assert not any("Ann" in str(event) for event in ask(ask="last")[1])


def test_restarted_bus_knows_what_holds(store: Store, tmp_path: Path, dealer: "zmq.Socket[bytes]") -> None:
    with local_bus(store, tmp_path) as bus:
        bus.say(*words(2), Left(camera="door", track="t1", captured_at=AT, first_seen_at=AT, last_seen_at=AT))
    with local_bus(store, tmp_path) as bus:
        dealer.send_multipart([b"1", b'{"ask":"last"}'])
        while not dealer.poll(10):
            bus.bus.turn(10)
        assert [json.loads(p)["track"] for p in dealer.recv_multipart()[2:]] == ["t0"]


@pytest.mark.parametrize(
    "values",
    [
        {"after": -1},
        {"after": 2**63},
        {"after": 10**400},
        {"after": "1"},
        {"after": 1.5},
        {"after": None},
        {},
        {"after": 0, "limit": 0},
        {"after": 0, "limit": 1001},
        {"after": 0, "limit": 2**63},
        {"after": 0, "kinds": "face."},
        {"after": 0, "kinds": [""]},
        {"after": 0, "kinds": ["x" * 65]},
        {"after": 0, "cameras": ["c"] * 65},
        {"after": 0, "epoch": 5},
        {"ask": "teleport"},
        {"ask": 7},
        {"ask": "last", "after": -1},
    ],
    ids=str,
)
def test_impossible_request_is_refused_with_a_fix(bus: LocalBus, ask: Ask, values: dict[str, Any]) -> None:
    header, events = ask(**values)
    assert header.keys() == {"ok", "error", "fix"}
    assert (header["ok"], events) == (False, [])
    assert bus.bus.counts["bad_requests"] == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"ask":"replay","after":0,"x":' + b"[" * 3900, b'{"ask":"\xff"}'],
    ids=lambda body: repr(body[:12]),
)
def test_request_that_is_no_json_object_is_refused(bus: LocalBus, ask: Ask, body: bytes) -> None:
    assert ask(body)[0]["ok"] is False
    assert ask(after=0)[0]["ok"] is True


def test_largest_sequence_is_beyond_everything(bus: LocalBus, ask: Ask) -> None:
    bus.say(*words(2))
    header, events = ask(after=2**63 - 1)
    assert (header["newest"], header["through"], header["more"], events) == (2, 2**63 - 1, False, [])


def test_frames_without_a_number_are_counted_and_not_answered(
    bus: LocalBus, ask: Ask, dealer: "zmq.Socket[bytes]"
) -> None:
    for frames in ([b"1"], [b"1", b'{"ask":"last"}', b""], [b""] * 9):
        dealer.send_multipart(frames)
    assert ask(after=0)[0]["ok"] is True
    assert bus.bus.counts["bad_requests"] == 3


def test_oversized_request_costs_its_sender_the_connection(bus: LocalBus, ask: Ask, tmp_path: Path) -> None:
    with zmq.Context.instance().socket(zmq.DEALER) as big:
        big.linger = 0
        big.connect(f"ipc://{tmp_path}/requests")
        big.send_multipart([b"1", b'{"ask":"last"' + b" " * 5000 + b"}"])
        for _ in range(10):
            bus.bus.turn(10)
        assert not big.poll(50)
    assert bus.bus.counts["requests"] == 0
    assert ask(after=0)[0]["ok"] is True


def test_thousand_requests_at_once_are_answered_or_counted_and_never_twice(
    bus: LocalBus, dealer: "zmq.Socket[bytes]"
) -> None:
    bus.say(*words(5))
    for n in range(1000):
        dealer.send_multipart([str(n).encode(), b'{"ask":"replay","after":0,"limit":1}'])
    answers = []
    while len(answers) + bus.bus.counts["answers_lost"] < 1000:
        bus.bus.turn(10)
        while dealer.poll(0):
            answers.append(int(dealer.recv_multipart()[0]))
    assert answers == sorted(set(answers))
    assert len(answers) > 100


def test_client_that_does_not_read_loses_answers_and_holds_up_nobody(
    bus: LocalBus, ask: Ask, dealer: "zmq.Socket[bytes]", tmp_path: Path
) -> None:
    bus.say(*[CameraChanged(camera="yard", captured_at=AT, state="backoff", detail="x" * 2000) for _ in range(400)])
    with zmq.Context.instance().socket(zmq.DEALER) as silent:
        silent.linger = 0
        silent.rcvhwm = 1
        silent.connect(f"ipc://{tmp_path}/requests")
        for _ in range(60):
            silent.send_multipart([b"1", b'{"ask":"replay","after":0}'])
        for _ in range(200):
            bus.bus.turn(1)
            if bus.bus.counts["answers_lost"]:
                break
        assert bus.bus.counts["answers_lost"] > 0
        assert ask(after=399)[0]["ok"] is True
