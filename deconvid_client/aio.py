"""`async for event in AsyncSubscriber(...)`."""

import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import zmq
import zmq.asyncio

from deconvid_client.event import Event
from deconvid_client.subscription import Subscription, deadline


class AsyncSubscriber(Subscription):
    """An endless asynchronous iterator and context manager; otherwise a `Subscriber`. For one task at a time."""

    async def receive(self, timeout_s: float | None = None) -> Event | None:
        """As `Subscriber.receive`. A cancelled one loses nothing."""
        session, deadline_s = self._session, deadline(timeout_s)
        while (event := session.take()) is None:
            wait_ms = session.prepare_to_wait(deadline_s)
            poller = zmq.asyncio.Poller()
            poller.register(session.live, zmq.POLLIN)
            poller.register(session.requests, zmq.POLLIN)
            if await poller.poll(wait_ms):
                session.read()
            if time.monotonic() >= deadline_s:
                return session.take()
        return event

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            event = await self.receive()
            if event is not None:
                yield event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
