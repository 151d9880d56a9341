"""Has people whose consent ran out forgotten."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from daemon.errors import StoreError
from daemon.store.expiry import ExpiryStore

logger = logging.getLogger(__name__)

INTERVAL_S = 60.0


class Expiry:
    """Args:
    people: whose consent may run out.
    keep_days: how long they stay in the store then, so that a consent can be renewed without new photos.
    sober_now: tells for how long it has run out; a clock that leaps must not erase anybody.
    now: tells whether it has.
    interval_s: how often it is looked at.
    """

    def __init__(
        self,
        people: ExpiryStore,
        keep_days: int,
        sober_now: Callable[[], datetime],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._people, self._keep, self._sober_now, self._now = people, timedelta(days=keep_days), sober_now, now
        self._noted_until = now()
        self._interval_s, self._due_s = interval_s, 0.0

    def enforce(self) -> None:
        """Costs nothing if it is not due."""
        if time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + self._interval_s
        try:
            now = self._now()
            self._people.note(self._noted_until, now)
            self._noted_until = now
            if erased := self._people.erase(self._sober_now() - self._keep):
                logger.info("expired_people_erased count=%d", erased)
        except StoreError as error:
            logger.warning("expiry_not_enforced reason='%s'", error)
