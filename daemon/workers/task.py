"""How a worker learns what to do, and when to stop.

The supervisor writes one line of JSON to the worker's standard input, where no other user sees the passwords in it (they
would in arguments and environment), and keeps it open: its end means that the supervisor is gone.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Literal, Self, TypeVar

import msgspec

from config.errors import DeconvIDError

if TYPE_CHECKING:
    from config import CameraSettings

Task = TypeVar("Task", bound=msgspec.Struct)

EXIT_ORPHANED = 4
"""The supervisor is gone."""


class CameraTask(msgspec.Struct, frozen=True, kw_only=True):
    """What a camera worker is to read, and where to deliver it."""

    name: str
    kind: Literal["rtsp", "file", "device"]
    address: str
    """With the credentials in it: never show it."""
    transport: Literal["tcp", "udp"] = "tcp"
    detect_fps: float
    open_timeout_s: float
    read_timeout_s: float
    max_width_px: int
    max_height_px: int
    ring: str
    """Path of the camera's frame ring."""
    heartbeat: str
    """Path of the worker's heartbeat."""
    frames: str
    """ZeroMQ endpoint of the vision worker."""
    observations: str
    """ZeroMQ endpoint of the identity worker."""
    fast: bool = False
    """A file: as fast as it can be analysed, instead of as it was recorded."""

    @classmethod
    def of(
        cls,
        name: str,
        settings: "CameraSettings",
        *,
        ring: Path,
        heartbeat: Path,
        frames: str,
        observations: str,
        fast: bool = False,
    ) -> Self:
        return cls(
            name=name,
            kind=settings.kind,
            address=settings.address,
            transport=settings.transport,
            detect_fps=settings.detect_fps,
            open_timeout_s=settings.open_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            max_width_px=settings.max_width_px,
            max_height_px=settings.max_height_px,
            ring=str(ring),
            heartbeat=str(heartbeat),
            frames=frames,
            observations=observations,
            fast=fast,
        )

    def __repr__(self) -> str:
        return f"CameraTask(name={self.name!r})"


def read_task(kind: type[Task]) -> Task:
    """Reads the task from standard input.

    Raises:
        DeconvIDError: there is none; the text of the task is not in the message.
    """
    line = sys.stdin.buffer.readline()
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError:
        raise DeconvIDError("no task on standard input. Workers are started by `deconvid run`") from None


def exit_with_supervisor() -> None:
    """Ends this process at once when the supervisor does, however it ends."""

    def watch() -> None:
        while sys.stdin.buffer.read(1024):
            pass
        os._exit(EXIT_ORPHANED)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


def stop_on_sigterm() -> threading.Event:
    """Returns the event that SIGTERM sets. Ctrl-C reaches the whole terminal; the supervisor decides what it means."""
    stop = threading.Event()

    def set_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, set_stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return stop
