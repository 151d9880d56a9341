"""The wall clock for work that cannot be taken back: a leap forward counts only once it has lasted."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

logger = logging.getLogger(__name__)

LEAP = timedelta(hours=1)
"""Further ahead of the time that has passed, the clock is not believed at once."""
BELIEVED_AFTER_S = 86_400.0
"""A wrong date is mended within a day, one hopes; a right one costs a day's delay."""


class SoberClock:
    """A machine whose clock says 2038 for an hour must not delete, as too old, everything that it keeps.

    Going back is believed at once: it makes nothing older.
    """

    def __init__(
        self,
        last: datetime | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            last: a moment that was told earlier, so that a leap before the start is seen too; None: none is known.
            wall: the clock.
            monotonic: seconds, to know how much time has really passed.
        """
        self._wall, self._monotonic = wall, monotonic
        self._then, self._then_s = last or wall(), monotonic()
        self._leapt_s: float | None = None

    def now(self) -> datetime:
        wall, now_s = self._wall(), self._monotonic()
        sober = self._then + timedelta(seconds=now_s - self._then_s)
        if wall - sober > LEAP and not self._is_believed(wall - sober, now_s):
            return sober
        self._then, self._then_s, self._leapt_s = wall, now_s, None
        return wall

    def _is_believed(self, ahead: timedelta, now_s: float) -> bool:
        if self._leapt_s is None:
            self._leapt_s = now_s
            logger.warning("clock_leapt ahead='%s' effect='nothing is deleted for its age for a day'", ahead)
        return now_s - self._leapt_s >= BELIEVED_AFTER_S
