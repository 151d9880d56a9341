"""What a camera worker sends: tokens to the vision worker, states to the identity worker."""

import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import zmq

from daemon.messages import CameraState, CameraStateChanged, FrameToken, encode
from daemon.workers.task import CameraTask

MOST_TOKENS = 4
"""Tokens that may wait for the vision worker; its newest one counts, so more would only age."""
LINGER_MS = 1000
"""How long the last state may take to be delivered when the worker ends."""


class Outbox:
    """Two PUSH sockets; a context manager that closes them. Nothing here ever waits."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", task: CameraTask) -> None:
        self._camera = task.name
        self._frames = context.socket(zmq.PUSH)
        self._frames.set_hwm(MOST_TOKENS)
        self._frames.setsockopt(zmq.LINGER, 0)
        self._frames.connect(task.frames)
        self._observations = context.socket(zmq.PUSH)
        self._observations.setsockopt(zmq.LINGER, LINGER_MS)
        self._observations.connect(task.observations)

    def has_room(self) -> bool:
        """True if a token could be sent now."""
        return bool(self._frames.poll(0, zmq.POLLOUT))

    def announce(self, token: FrameToken) -> None:
        """Sends a token; call `has_room` before."""
        self._frames.send(encode(token), zmq.NOBLOCK)

    def report(self, state: CameraState, detail: str) -> None:
        message = CameraStateChanged(camera=self._camera, state=state, detail=detail, at_wall_ns=time.time_ns())
        # Full only if the identity worker has not come back for a thousand changes.
        with suppress(zmq.Again):
            self._observations.send(encode(message), zmq.NOBLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._frames.close()
        self._observations.close()
