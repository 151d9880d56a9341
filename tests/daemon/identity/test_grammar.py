"""Whatever happens, the events of a track read: appeared, first word, corrections each of the word before, farewell."""

import contextlib
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import zmq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config import StrangerSettings
from daemon.errors import StoreError
from daemon.events import AnyEvent, Corrected, FaceEvent, decode_event
from daemon.events.writer import EventWriter
from daemon.identity import DecisionRules
from daemon.identity.recogniser import Recogniser
from daemon.identity.sightings import StrangerRules
from daemon.identity.stranger_desk import StrangerDesk
from daemon.identity.stranger_orders import StrangerOrders
from daemon.messages import Observation, TrackEnded, TracksInSight
from daemon.store import Store
from tests.daemon.factories import MODEL, make_face, make_template, unit

RULES = DecisionRules(threshold=0.5, margin=0.05, hysteresis=0.05, least_observations=1)

tracks, faces = st.sampled_from(["t1", "t2"]), st.integers(1, 3)
observed = st.one_of(
    st.tuples(st.just("look"), tracks, faces),
    st.tuples(st.just("end"), tracks),
    st.tuples(st.just("sight"), tracks),
)
steps = st.one_of(
    st.tuples(st.just("round"), st.lists(observed, max_size=6)),
    st.tuples(st.just("enrol"), faces),
    st.tuples(st.just("erase"), faces),
    st.tuples(st.sampled_from(["name", "ignore", "forget"]), st.integers(1, 3)),
    st.tuples(st.just("chores")),
    st.tuples(st.just("restart")),
)


def observation(kind: str, track: str, face: int = 0) -> Observation:
    if kind == "look":
        return msgspec.structs.replace(make_face(track, unit(face)), crop=b"\xff\xd8\xff")
    return TrackEnded("door", track, 1, 2) if kind == "end" else TracksInSight({"door": [track]})


def start(store: Store, writer: EventWriter) -> Recogniser:
    few_looks = StrangerSettings(least_looks=1)
    desk = StrangerDesk(store, MODEL, few_looks, lambda likenesses: StrangerRules(0.5, 0.05), Counter())
    return Recogniser(store, writer, MODEL, RULES, strangers=desk)


def play(store: Store, writer: EventWriter, script: list[tuple[Any, ...]]) -> None:
    orders = StrangerOrders(store, MODEL, most_likenesses=8)
    recogniser = start(store, writer)
    for step in script:
        match step:
            case "round", observations:
                recogniser.take(observation(*parts) for parts in observations)
            case "enrol", face:
                store.people.enrol(f"Person {face}", make_template(unit(face)))
            case "erase", face:
                with contextlib.suppress(StoreError):
                    store.people.erase(f"Person {face}")
            case ("name" | "ignore" | "forget") as order, number:
                with contextlib.suppress(StoreError):
                    give(orders, order, number)
            case ("chores",):
                recogniser.do_chores()
            case ("restart",):
                recogniser = start(store, writer)


def give(orders: StrangerOrders, order: str, number: int) -> None:
    match order:
        case "name":
            orders.name(number, f"Person {number}")
        case "ignore":
            orders.ignore(number)
        case "forget":
            orders.forget([number])


def passes(events: list[AnyEvent]) -> list[list[FaceEvent]]:
    """Returns the events of each pass of a track: a name may be used again after the farewell."""
    open_passes: dict[str, list[FaceEvent]] = defaultdict(list)
    ended = []
    for event in events:
        if isinstance(event, FaceEvent):
            open_passes[event.track].append(event)
            if event.kind == "face.left":
                ended.append(open_passes.pop(event.track))
    return ended + list(open_passes.values())


@given(st.lists(steps, max_size=25))
@example([("round", [("look", "t1", 1), ("end", "t1")]), ("restart",), ("round", [("end", "t1")])])
@example([("enrol", 2), ("round", [("look", "t1", 1), *[("look", "t1", 2)] * 5, ("end", "t1"), ("look", "t1", 1)])])
@example([("enrol", 1), ("restart",), ("erase", 1), ("round", [("look", "t1", 1), ("look", "t2", 2), ("end", "t1")])])
@example(
    [("round", [("look", "t1", 1), ("end", "t1")]), ("ignore", 1), ("chores",), ("round", [("look", "t1", 1)] * 2)]
)
@example([("round", [("look", "t1", 1), ("end", "t1"), ("look", "t1", 1)]), ("name", 1), ("chores",), ("ignore", 1)])
@settings(max_examples=30, deadline=None)
def test_events_of_a_track_follow_the_grammar(script: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "db") as store:
        with EventWriter(store, f"ipc://{folder}/stored", zmq.Context.instance()) as writer:
            play(store, writer, script)
        events = [decode_event(stored.payload) for stored in store.events.since(0)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    for appeared, *rest in passes(events):
        assert appeared.kind == "face.appeared"
        words = [event for event in rest if event.kind != "face.left"]
        assert [event.kind for event in rest[len(words) :]] in ([], ["face.left"])
        assert all(word.kind in ("face.identified", "face.unknown") for word in words[:1])
        assert all(isinstance(word, Corrected) for word in words[1:])
        assert [getattr(word, "corrects", None) for word in words[1:]] == [word.sequence for word in words[:-1]]
