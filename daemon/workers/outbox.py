"""What a camera worker sends: tokens to the vision worker, states to the identity worker."""

import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec
import zmq

from daemon.messages import CameraState, CameraStateChanged, FrameToken, encode
from daemon.workers.task import CameraTask

LINGER_MS = 1000
"""How long the last state may take to be delivered when the worker ends."""


class Outbox:
    """Two PUSH sockets; a context manager that closes them. Nothing here ever waits."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", task: CameraTask) -> None:
        self._camera, self._regions, self._weight = task.name, task.regions, task.weight
        self._frames = context.socket(zmq.PUSH)
        # While the vision worker is away only the newest token waits: the others would be of overwritten frames.
        self._frames.setsockopt(zmq.CONFLATE, 1)
        self._frames.setsockopt(zmq.LINGER, 0)
        self._frames.connect(task.frames)
        self._observations = context.socket(zmq.PUSH)
        self._observations.setsockopt(zmq.LINGER, LINGER_MS)
        self._observations.connect(task.observations)

    def announce(self, token: FrameToken) -> None:
        """Sends a token in place of one that still waits; the gap in the sequence accounts for the frames between."""
        told = msgspec.structs.replace(token, regions=self._regions, weight=self._weight)
        self._frames.send(encode(told), zmq.NOBLOCK)

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
