"""Keeps what repeats from filling the log: the first few of a window are written, the rest are counted."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from daemon.logs.fields import event_of

MOST_SUBJECTS = 1000
"""Different things that are counted at a time; beyond that all windows begin anew."""


@dataclass(slots=True)
class Window:
    record: logging.LogRecord
    """The first one in it."""
    ends_s: float
    seen: int = 0


class RepeatLimit(logging.Handler):
    """Hands records on to another handler.

    Two records are the same if logger, message template and first argument (the camera or worker) are: one camera that
    flaps must not hide another.

    Args:
        target: what writes them.
        most: how many of the same are written in a window.
        window_s: its length.
        clock: seconds, monotonic.
    """

    def __init__(
        self, target: logging.Handler, most: int, window_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._target, self._most, self._window_s, self._clock = target, most, window_s, clock
        self._windows: dict[tuple[str, str, str], Window] = {}
        self._next_end_s = float("inf")

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock()
        if now >= self._next_end_s or len(self._windows) >= MOST_SUBJECTS:
            self._close_windows(now)
        subject = str(record.args[0]) if isinstance(record.args, tuple) and record.args else ""
        window = self._windows.setdefault((record.name, str(record.msg), subject), Window(record, now + self._window_s))
        self._next_end_s = min(self._next_end_s, window.ends_s)
        window.seen += 1
        if window.seen <= self._most:
            self._target.handle(record)

    def close(self) -> None:
        self._close_windows(float("inf"))
        self._target.close()
        super().close()

    def _close_windows(self, now: float) -> None:
        """Ends those that are over, or all if there are too many, and tells what was left out."""
        full = len(self._windows) >= MOST_SUBJECTS
        over = [key for key, window in self._windows.items() if full or window.ends_s <= now]
        for window in map(self._windows.pop, over):
            if window.seen > self._most:
                self._target.handle(self._summary(window))
        self._next_end_s = min((window.ends_s for window in self._windows.values()), default=float("inf"))

    def _summary(self, window: Window) -> logging.LogRecord:
        first = window.record
        args = (event_of(first) or first.name, window.seen - self._most, self._window_s, first.getMessage())
        pattern = "log_repeated event=%s left_out=%d window_s=%.0f first=%s"
        return logging.LogRecord(
            first.name, first.levelno, first.pathname, first.lineno, pattern, args, None, first.funcName
        )
