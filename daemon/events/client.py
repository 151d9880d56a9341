"""How programs listen to the daemon."""

import logging
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import msgspec
import zmq

from daemon.events.schema import AnyEvent, decode_event
from daemon.events.sockets import connect

logger = logging.getLogger(__name__)

RECEIVE_QUEUE = 10_000
LARGEST_EVENT = 64 * 1024
"""Bytes; a longer frame closes the connection before memory is taken for it."""


class EventSubscriber:
    """Iterates over events as they are published; a context manager.

    ZeroMQ drops in silence what a slow subscriber has no room for. Sequence numbers have no gaps, so a gap means
    lost events: it is logged and counted in `missed`.
    """

    def __init__(self, endpoint: str, camera: str | None = None) -> None:
        """Connects to a daemon, which may be started later.

        Args:
            endpoint: `Settings.events_endpoint`.
            camera: only this camera's events; all if None.

        Raises:
            EventBusError: the endpoint is malformed.
        """
        self.missed = 0
        """Events lost since the first one that was seen."""
        self.unreadable = 0
        """Frames that are no events of this version."""
        self._camera = camera
        self._position: tuple[str, int] | None = None
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
        self._socket.set(zmq.RCVHWM, RECEIVE_QUEUE)
        self._socket.set(zmq.MAXMSGSIZE, LARGEST_EVENT)
        self._socket.subscribe("")
        connect(self._socket, endpoint)

    def receive(self, timeout_s: float) -> AnyEvent | None:
        """Returns the next event, None if none came in time. An event that was seen before is left out."""
        deadline = time.monotonic() + timeout_s
        while self._socket.poll(max(0, int((deadline - time.monotonic()) * 1000))):
            topic, *frames = self._socket.recv_multipart()
            event = None if topic == b"bus.alive" else self._read(frames)
            if event is None or not self._advance(event):
                continue
            if self._camera in (None, getattr(event, "camera", None)):
                return event
        return None

    def __iter__(self) -> Iterator[AnyEvent]:
        while True:
            event = self.receive(timeout_s=1.0)
            if event is not None:
                yield event

    def _read(self, frames: list[bytes]) -> AnyEvent | None:
        try:
            return decode_event(frames[-1])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.unreadable += 1
            if self.unreadable == 1:
                logger.warning("event_unreadable fix='the daemon may be newer than this program: update it'")
            return None

    def _advance(self, event: AnyEvent) -> bool:
        """Takes note of an event's place in the sequence; returns whether it is new."""
        epoch, last = self._position or (event.epoch, event.sequence - 1)
        if epoch != event.epoch:
            last = event.sequence - 1  # another database: another history
        if event.sequence <= last:
            return False
        gap = event.sequence - last - 1
        if gap:
            self.missed += gap
            logger.warning("events_missed first=%d last=%d", last + 1, event.sequence - 1)
        self._position = (event.epoch, event.sequence)
        return True

    def close(self) -> None:
        self._socket.close(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
