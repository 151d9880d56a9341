"""The newest frame of a camera, however long whoever looks at it takes."""

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import av
from av import VideoFrame

from daemon.streams.clocks import ArrivalClock, CaptureClock, PacedClock
from daemon.streams.faults import SourceError
from daemon.streams.pictures import to_picture
from daemon.streams.privacy import PrivacyMasks
from daemon.streams.source import Source
from daemon.workers.task import CameraTask
from engine.images import YuvImage

POLL_S = 0.1
"""Longest wait before the clock is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveFrame:
    image: YuvImage
    captured_s: float
    """Monotonic clock."""


class NewestFrames:
    """Reads a camera in a thread, and throws away what is not asked for; a context manager that ends the thread.

    A file is read in its own time.
    """

    def __init__(self, task: CameraTask) -> None:
        self._task = task
        self._masks = PrivacyMasks(task.privacy_masks)
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._newest: tuple[VideoFrame, float] | None = None
        self._ended: SourceError | bool = False
        # A daemon thread: libav may hold it for longer than anybody wants to wait.
        self._reader = threading.Thread(target=self._read, name=f"read {task.name}", daemon=True)
        self._reader.start()

    def frames(self, seconds: float) -> Iterator[LiveFrame]:
        """Yields the newest frame each time, for so long after the first one, or until the end of a file.

        Raises:
            SourceError: the camera cannot be opened or read.
        """
        ends_s = math.inf
        while time.monotonic() < ends_s:
            with self._changed:
                self._changed.wait_for(lambda: self._newest or self._ended, POLL_S)
                newest, self._newest, ended = self._newest, None, self._ended
            if newest is not None:
                frame, captured_s = newest
                ends_s = min(ends_s, time.monotonic() + seconds)
                try:
                    picture = to_picture(frame)
                except (av.FFmpegError, ValueError):  # its pixels are of a kind that cannot be converted
                    continue
                picture = self._masks.hide(picture)
                yield LiveFrame(YuvImage(*picture.planes, picture.bt709, picture.full_range), captured_s)
            elif isinstance(ended, SourceError):
                raise ended
            elif ended:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    def _read(self) -> None:
        clock: CaptureClock = PacedClock(self._wait) if self._task.kind == "file" else ArrivalClock()
        ended: SourceError | bool = True
        try:
            with Source.open(self._task) as source:
                for arrival in source.frames():
                    times = clock.stamp(arrival.times, arrival.media_ns)
                    if self._stop.is_set():
                        return
                    if arrival.frame is not None:
                        self._put(arrival.frame, times.captured_ns / 1e9)
        except SourceError as error:
            ended = error
        with self._changed:
            self._ended = ended
            self._changed.notify()

    def _wait(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _put(self, frame: VideoFrame, captured_s: float) -> None:
        with self._changed:
            self._newest = frame, captured_s
            self._changed.notify()
