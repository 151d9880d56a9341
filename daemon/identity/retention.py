"""Who was where is not kept for ever, nor does it fill the disk."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from daemon.errors import StoreError
from daemon.store import EventStore

logger = logging.getLogger(__name__)

INTERVAL_S = 60.0


class Retention:
    """Deletes old events, some thousand at once, so that nobody waits long.

    Args:
        events: the log.
        keep_days: age at which an event goes; None: never.
        keep_megabytes: size of all events beyond which the oldest go; None: never.
        now: tells their age.
    """

    def __init__(
        self,
        events: EventStore,
        keep_days: int | None,
        keep_megabytes: int | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._events, self._keep_days, self._keep_megabytes, self._now = events, keep_days, keep_megabytes, now
        self._due_s = 0.0

    def enforce(self) -> None:
        """Costs nothing if it is not due; while there is much to delete it is due again at once."""
        if time.monotonic() < self._due_s:
            return
        try:
            forgotten = self._forget()
        except StoreError as error:
            logger.warning("events_not_forgotten reason='%s'", error)
            forgotten = 0
        if forgotten:
            logger.info("events_forgotten count=%d", forgotten)
        else:
            self._due_s = time.monotonic() + INTERVAL_S

    def _forget(self) -> int:
        """Returns how many events were deleted."""
        forgotten = 0
        if self._keep_days is not None:
            forgotten += self._events.forget_before(self._now() - timedelta(days=self._keep_days))
        if self._keep_megabytes is not None:
            forgotten += self._events.forget_beyond(self._keep_megabytes << 20)
        return forgotten
