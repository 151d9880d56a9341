"""What the supervisor tells the workers: notices and states for the identity worker, cameras for the vision worker."""

import logging
import time
from types import TracebackType
from typing import Self

import zmq

from daemon.messages import (
    CameraJoined,
    CameraLeft,
    CameraState,
    CameraStateChanged,
    FrameMessage,
    Notice,
    NoticeKind,
    Observation,
    encode,
)

logger = logging.getLogger(__name__)

LONGEST_DETAIL = 1000
"""Characters of a notice."""


class Outgoing:
    """Two PUSH sockets; a context manager. Nothing here ever waits: what a restarting worker misses waits for it."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", observations: str, frames: str) -> None:
        self._observations, self._frames = context.socket(zmq.PUSH), context.socket(zmq.PUSH)
        for channel, endpoint in ((self._observations, observations), (self._frames, frames)):
            channel.setsockopt(zmq.LINGER, 0)
            channel.connect(endpoint)

    def notice(self, kind: NoticeKind, subject: str = "", detail: str = "", actor: str = "daemon") -> None:
        self._send(self._observations, Notice(kind, subject, detail[:LONGEST_DETAIL], actor, time.time_ns()))

    def camera_state(self, camera: str, state: CameraState, detail: str) -> None:
        self._send(self._observations, CameraStateChanged(camera, state, detail, time.time_ns()))

    def camera_joined(self, camera: str, ring: str) -> None:
        self._send(self._frames, CameraJoined(camera, ring))

    def camera_left(self, camera: str) -> None:
        self._send(self._frames, CameraLeft(camera))

    def _send(self, channel: "zmq.Socket[bytes]", message: FrameMessage | Observation) -> None:
        try:
            channel.send(encode(message), zmq.NOBLOCK)
        except zmq.Again:
            logger.error("message_lost kind=%s cause='a worker has been away for a thousand'", type(message).__name__)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._observations.close()
        self._frames.close()
