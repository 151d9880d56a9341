"""When a frame was captured. Cameras: on arrival. Files: paced as they were recorded, or in media time (--fast)."""

import time
from collections.abc import Callable
from typing import Protocol

from daemon.frames import FrameTimes


class CaptureClock(Protocol):
    def stamp(self, media_ns: int | None) -> FrameTimes:
        """Returns the times of a frame that was decoded just now."""


class ArrivalClock:
    """The camera's own timestamps jump and are missing at times; its arrival is the truth."""

    def stamp(self, media_ns: int | None) -> FrameTimes:
        return FrameTimes(captured_ns=time.monotonic_ns(), captured_wall_ns=time.time_ns(), media_ns=media_ns)


class PacedClock:
    """A file as if it were a camera: waits until a frame's time has come."""

    def __init__(self, wait: Callable[[float], None]) -> None:
        self._wait = wait
        self._arrival = ArrivalClock()
        self._start_ns: int | None = None

    def stamp(self, media_ns: int | None) -> FrameTimes:
        if self._start_ns is None:
            self._start_ns = time.monotonic_ns()
        early_ns = self._start_ns + (media_ns or 0) - time.monotonic_ns()
        if early_ns > 0:
            self._wait(early_ns / 1e9)
        return self._arrival.stamp(media_ns)


class MediaClock:
    """A file as fast as it can be analysed: time goes as in the recording, from the moment of opening it."""

    def __init__(self) -> None:
        self._start_ns = time.monotonic_ns()
        self._start_wall_ns = time.time_ns()

    def stamp(self, media_ns: int | None) -> FrameTimes:
        offset = media_ns or 0
        return FrameTimes(self._start_ns + offset, self._start_wall_ns + offset, media_ns)
