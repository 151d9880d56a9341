"""A store with events, and a transport that remembers."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from daemon.bridges.dead import DeadLetters
from daemon.bridges.position import PositionFile
from daemon.bridges.relay import Relay
from daemon.bridges.transport import Parcel
from daemon.events.schema import Identified, Left, Person, Unknown, encode_event, rfc3339
from daemon.rules import RuleBook, Sighting
from daemon.store import NewEvent, Store

KINDS = {"identified": Identified, "unknown": Unknown, "left": Left}

Say = Callable[..., int]


class Memory:
    """Takes what it is given; raises `fault` while there is one."""

    def __init__(self, most_at_once: int = 1) -> None:
        self.most_at_once = most_at_once
        self.parcels: list[Parcel] = []
        self.seen: list[Sighting] = []
        self.fault: Exception | None = None
        self.tries = 0

    @property
    def sequences(self) -> list[int]:
        return [parcel.sequence for parcel in self.parcels]

    def keep_up(self) -> None:
        if self.fault:
            raise self.fault

    def deliver(self, parcels: Sequence[Parcel], seen: Sequence[Sighting]) -> None:
        self.tries += bool(parcels)
        if self.fault and parcels:
            raise self.fault
        self.parcels += parcels
        self.seen += seen

    def test(self) -> str:
        return "remembered"

    def close(self) -> None:
        pass


@pytest.fixture
def say(store: Store) -> Say:
    """Stores an event about a face and returns its sequence: `say("identified", "Ada", track="t2", ago_s=5)`."""

    def say(kind: str, name: str | None = None, track: str = "t1", camera: str = "door", ago_s: float = 0) -> int:
        wall_ns = int((datetime.now(UTC).timestamp() - ago_s) * 1e9)
        more = {"first_seen_at": rfc3339(wall_ns), "last_seen_at": rfc3339(wall_ns)} if kind == "left" else {}
        found = store.people.find(name) if name else None
        event = KINDS[kind](
            camera=camera,
            track=track,
            captured_at=rfc3339(wall_ns),
            person=Person(found.id if found else 1, name) if name else None,
            **more,
        )
        columns = NewEvent(
            event.kind, camera, track, found.id if found else None, datetime.fromisoformat(event.captured_at)
        )

        def render(sequence: int) -> str:
            return encode_event(msgspec.structs.replace(event, epoch=store.epoch, sequence=sequence)).decode()

        return store.events.append(columns, render).sequence

    return say


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def relay(store: Store, tmp_path, clock: Clock) -> Callable[..., Relay]:
    """`relay(transport, rules...)` makes one as after a start of its process."""

    def make(transport: Memory, *rules, **options) -> Relay:
        return Relay(
            "hook",
            store,
            RuleBook(rules),
            transport,
            PositionFile(tmp_path / "hook.position"),
            DeadLetters(tmp_path / "hook.dead.jsonl"),
            **{"skip_backlog": False, "clock": clock, "chance": lambda: 0.0, **options},
        )

    return make
