"""Whatever happens, the events of a track read: first word, corrections each of the word before, farewell."""

import contextlib
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import zmq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.errors import StoreError
from daemon.events import AnyEvent, Corrected, EventPublisher, decode_event
from daemon.identity import DecisionRules
from daemon.identity.recogniser import Recogniser
from daemon.messages import TrackEnded, TracksInSight
from daemon.store import Store
from tests.daemon.factories import MODEL, make_face, make_template, unit

RULES = DecisionRules(threshold=0.5, margin=0.05, hysteresis=0.05, least_observations=1)

tracks, faces = st.sampled_from(["t1", "t2"]), st.integers(1, 3)
steps = st.one_of(
    st.tuples(st.just("look"), tracks, faces),
    st.tuples(st.just("end"), tracks),
    st.tuples(st.just("enrol"), faces),
    st.tuples(st.just("erase"), faces),
    st.tuples(st.just("sight"), tracks),
    st.tuples(st.just("chores")),
    st.tuples(st.just("restart")),
)


def play(store: Store, publisher: EventPublisher, script: list[tuple[str, ...]]) -> None:
    recogniser = Recogniser(store, publisher, MODEL, RULES)
    for step in script:
        match step:
            case "look", track, face:
                recogniser.take(make_face(track, unit(int(face))))
            case "end", track:
                recogniser.take(TrackEnded("door", track, 1, 2))
            case "enrol", face:
                store.people.enrol(f"Person {face}", make_template(unit(int(face))))
            case "erase", face:
                with contextlib.suppress(StoreError):
                    store.people.erase(f"Person {face}")
            case "sight", track:
                recogniser.take(TracksInSight({"door": [track]}))
            case ("chores",):
                recogniser.do_chores()
            case ("restart",):
                recogniser = Recogniser(store, publisher, MODEL, RULES)


def passes(events: list[AnyEvent]) -> list[list[AnyEvent]]:
    """Returns the events of each pass of a track: a name may be used again after the farewell."""
    open_passes: dict[str | None, list[AnyEvent]] = defaultdict(list)
    ended = []
    for event in events:
        open_passes[event.track].append(event)
        if event.kind == "left":
            ended.append(open_passes.pop(event.track))
    return ended + list(open_passes.values())


@given(st.lists(steps, max_size=25))
@example([("look", "t1", "1"), ("end", "t1"), ("restart",), ("end", "t1")])
@settings(max_examples=30, deadline=None)
def test_events_of_a_track_follow_the_grammar(script: list[tuple[str, ...]]) -> None:
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "db") as store:
        with EventPublisher(store, f"ipc://{folder}/events", zmq.Context.instance()) as publisher:
            play(store, publisher, script)
        events = [decode_event(stored.payload) for stored in store.events.since(0)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    for first, *rest in passes(events):
        assert first.kind in ("identified", "unknown")
        words = [first, *(event for event in rest if event.kind != "left")]
        assert all(isinstance(word, Corrected) for word in words[1:])
        assert [getattr(word, "corrects", None) for word in words[1:]] == [word.sequence for word in words[:-1]]
        assert [event.kind for event in rest[len(words) - 1 :]] in ([], ["left"])
