"""Who was where is not kept for ever."""

import logging
import time
from datetime import UTC, datetime, timedelta

from daemon.errors import StoreError
from daemon.store import EventStore

logger = logging.getLogger(__name__)

INTERVAL_S = 3600.0


class Retention:
    """Deletes old events, at most once in `INTERVAL_S`.

    Args:
        events: the log.
        keep_days: age at which an event goes; None: never.
    """

    def __init__(self, events: EventStore, keep_days: int | None) -> None:
        self._events, self._keep_days = events, keep_days
        self._due_s = 0.0

    def enforce(self) -> None:
        """Costs nothing if it is not due. A store that fails now is asked again when it is due again."""
        if self._keep_days is None or time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + INTERVAL_S
        try:
            forgotten = self._events.forget_before(datetime.now(UTC) - timedelta(days=self._keep_days))
        except StoreError as error:
            logger.warning("events_not_forgotten reason='%s'", error)
            return
        if forgotten:
            logger.info("events_forgotten count=%d keep_days=%d", forgotten, self._keep_days)
