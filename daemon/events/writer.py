"""Events into the store, and word to those who follow it."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import msgspec
import zmq

from daemon.events.schema import CameraEvent, Event, FaceEvent, StrangerNamed, Word, encode_event, rfc3339
from daemon.events.sockets import bind_private
from daemon.operations.reporter import LatencyHistogram
from daemon.store import NewEvent, Store
from daemon.store.events import Draft as StoreDraft

Stamped = TypeVar("Stamped", bound=Event)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be said."""

    event: Event
    """Without epoch, sequence and times of publication."""
    captured_ns: int | None = None
    """Of a `Word`: when the frame arrived that led to it, CLOCK_MONOTONIC."""


class EventWriter:
    """Commits events; then a PUB socket says the newest sequence number (8 bytes, big-endian) to who reads the store.

    That is a hint and may be lost: followers look by themselves once a second. Nobody hears of an event that is not
    on the disk. A context manager.
    """

    def __init__(self, store: Store, endpoint: str, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        """
        Raises:
            EventBusError: the endpoint cannot be bound.
            StoreError: the store cannot be read.
        """
        self.latencies = defaultdict(LatencyHistogram, latency_ms=LatencyHistogram())
        """From capture to storage, of words: `latency_ms` of all, `latency_ms.door` of one camera."""
        self.newest = store.events.newest()
        """Sequence of the newest event."""
        self._store = store
        self._socket: zmq.Socket[bytes] = context.socket(zmq.PUB)
        self._socket.set(zmq.LINGER, 0)
        bind_private(self._socket, endpoint)

    def write(self, drafts: Sequence[Draft]) -> list[int | None]:
        """Stores events in one transaction.

        Returns:
            Their sequence numbers; None for an event whose person was erased meanwhile: it is left out.

        Raises:
            StoreError: nothing was stored.
        """
        appended = self._store.events.append_many(
            [(columns_of(draft.event), partial(self._render, draft)) for draft in drafts]
        )
        numbers = [event.sequence if event else None for event in appended]
        if newest := max((number for number in numbers if number), default=None):
            self.newest = newest
            self._socket.send(newest.to_bytes(8, "big"), zmq.NOBLOCK)
        return numbers

    def _render(self, draft: Draft, sequence: int) -> str:
        stamped = stamp(draft.event, self._store.epoch, sequence)
        if isinstance(stamped, Word) and draft.captured_ns is not None:
            # A file that is read faster than its own time has frames from the future.
            latency_ms = round(max(0, time.monotonic_ns() - draft.captured_ns) / 1e6, 3)
            stamped = msgspec.structs.replace(stamped, latency_ms=latency_ms)
            for name in ("latency_ms", f"latency_ms.{stamped.camera}"):
                self.latencies[name].add(latency_ms)
        return encode_event(stamped).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def told_with(event: Event, epoch: str) -> StoreDraft:
    """Returns an event for a transaction of the store: what is done and what is said of it are stored together."""
    return columns_of(event), lambda sequence: encode_event(stamp(event, epoch, sequence)).decode()


def stamp(event: Stamped, epoch: str, sequence: int) -> Stamped:
    """Returns an event as it is published now."""
    return msgspec.structs.replace(event, epoch=epoch, sequence=sequence, published_at=rfc3339(time.time_ns()))


def columns_of(event: Event) -> NewEvent:
    person = event.person if isinstance(event, FaceEvent | StrangerNamed) else None
    return NewEvent(
        kind=event.kind,
        camera=event.camera if isinstance(event, CameraEvent) else None,
        track=event.track if isinstance(event, FaceEvent) else None,
        person_id=person.id if person else None,
        at=datetime.fromisoformat(event.captured_at),
    )
