"""`for event in Subscriber(...)`: every event once, in order, whatever happens to the daemon meanwhile."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import zmq

from deconvid_client.event import Event
from deconvid_client.subscription import Subscription, deadline


class Subscriber(Subscription):
    """An endless iterator, and a context manager. For one thread at a time.

    It connects again by itself, however the daemon ended, and goes on where it was.
    """

    def receive(self, timeout_s: float | None = None) -> Event | None:
        """Returns the next event; None if none came in time.

        Raises:
            BusError: the program cannot follow this daemon; CursorAheadError, for one.
        """
        session, deadline_s = self._session, deadline(timeout_s)
        while (event := session.take()) is None:
            wait_ms = session.prepare_to_wait(deadline_s)
            if zmq.zmq_poll([(session.live, zmq.POLLIN), (session.requests, zmq.POLLIN)], wait_ms):
                session.read()
            if time.monotonic() >= deadline_s:
                return session.take()
        return event

    def __iter__(self) -> Iterator[Event]:
        while True:
            event = self.receive()
            if event is not None:
                yield event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
