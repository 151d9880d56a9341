"""Store first, then publish."""

import logging
import time
from datetime import datetime
from types import TracebackType
from typing import Self

import msgspec
import zmq

from daemon.events.schema import AnyEvent, Event, Word, decode_event, encode_event, rfc3339
from daemon.events.sockets import bind_private
from daemon.store import NewEvent, Store

logger = logging.getLogger(__name__)

SEND_QUEUE = 10_000
"""Events that wait for a slow subscriber before it loses some (and finds the gap)."""

PROTECTED = ("ipc://", "inproc://", "tcp://127.0.0.1:", "tcp://[::1]:")
"""Endpoints that the network cannot reach. Events name people; so far nothing encrypts them."""

LINGER_MS = 1000
"""Longest wait for subscribers when the publisher closes."""


class EventPublisher:
    """A ZeroMQ PUB socket behind the store.

    An event gets its sequence number from the store, is committed there, and goes out after that: what subscribers
    see is never lost or renumbered. After a crash between the two they find a gap, and the event in the store.
    A context manager.
    """

    def __init__(self, store: Store, endpoint: str, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        """Raises EventBusError: the endpoint cannot be bound."""
        if not endpoint.startswith(PROTECTED):
            logger.warning("events_unprotected endpoint=%s fix='publish on ipc:// or tcp://127.0.0.1'", endpoint)
        self._store = store
        self._socket: zmq.Socket[bytes] = context.socket(zmq.PUB)
        self._socket.set(zmq.SNDHWM, SEND_QUEUE)
        bind_private(self._socket, endpoint)

    def publish(self, event: Event, captured_ns: int | None = None) -> AnyEvent:
        """Returns the event as it was published, with its epoch, sequence and times.

        Args:
            event: without them.
            captured_ns: of a `Word`: when the frame arrived that led to it, CLOCK_MONOTONIC.

        Raises:
            StoreError: it could not be stored, so it was not published and has no sequence number.
        """
        stored = self._store.events.append(_columns(event), lambda sequence: self._render(event, sequence, captured_ns))
        self._socket.send_multipart([event.topic.encode(), stored.payload.encode()])
        return decode_event(stored.payload)

    def _render(self, event: Event, sequence: int, captured_ns: int | None) -> str:
        stamped = msgspec.structs.replace(
            event,
            epoch=self._store.epoch,
            sequence=sequence,
            published_at=rfc3339(time.time_ns()),
        )
        if isinstance(stamped, Word) and captured_ns is not None:
            # A file that is read faster than its own time has frames from the future.
            latency_ms = round(max(0, time.monotonic_ns() - captured_ns) / 1e6, 3)
            stamped = msgspec.structs.replace(stamped, latency_ms=latency_ms)
        return encode_event(stamped).decode()

    def close(self) -> None:
        self._socket.close(linger=LINGER_MS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _columns(event: Event) -> NewEvent:
    return NewEvent(
        kind=event.kind,
        camera=event.camera,
        track=event.track,
        person_id=event.person.id if event.person else None,
        at=datetime.fromisoformat(event.captured_at),
    )
