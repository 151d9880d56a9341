"""When a frame was captured. Cameras: on arrival. Files: paced as they were recorded, or in media time (--fast)."""

from collections.abc import Callable
from typing import Protocol

from daemon.frames import FrameTimes


class CaptureClock(Protocol):
    def stamp(self, arrived: FrameTimes, media_ns: int) -> FrameTimes:
        """Returns when a frame was captured.

        Args:
            arrived: when its packet came.
            media_ns: its position in the recording, which never goes back and never jumps.
        """


class ArrivalClock:
    """The camera's own timestamps jump and are missing at times; its arrival is the truth."""

    def stamp(self, arrived: FrameTimes, media_ns: int) -> FrameTimes:
        return arrived


class PacedClock:
    """A file as if it were a camera: a frame that is early is held back until its time has come."""

    def __init__(self, wait: Callable[[float], None]) -> None:
        self._wait = wait
        self._start_ns: int | None = None

    def stamp(self, arrived: FrameTimes, media_ns: int) -> FrameTimes:
        if self._start_ns is None:
            self._start_ns = arrived.captured_ns - media_ns
        early_ns = self._start_ns + media_ns - arrived.captured_ns
        if early_ns <= 0:
            return arrived
        self._wait(early_ns / 1e9)
        return arrived.later(early_ns)


class MediaClock:
    """A file as fast as it can be analysed: time goes as in the recording, from the moment of opening it."""

    def __init__(self) -> None:
        self._start = FrameTimes.now()

    def stamp(self, arrived: FrameTimes, media_ns: int) -> FrameTimes:
        return self._start.later(media_ns)
