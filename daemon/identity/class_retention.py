"""Nobody is remembered for ever: names in events, strangers, and strangers who are ignored, each class for its time."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config import RetentionSettings
from daemon.errors import StoreError
from daemon.store import Store
from daemon.store.stranger_records import StrangerState

logger = logging.getLogger(__name__)

INTERVAL_S = 60.0
FORGET_AT_ONCE = 100
"""Strangers: each one's key is destroyed, and the events are looked through for the number."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """What is to be forgotten."""

    events_with_names: int
    unknown: list[int]
    """Ids of strangers, open ones and those who were merged; and whoever has no face left, whatever the age."""
    ignored: list[int]
    named: list[int]
    """Strangers who turned out to be somebody, long ago: the numbers alone."""

    @property
    def strangers(self) -> list[int]:
        return [*self.unknown, *self.ignored, *self.named]


def find_overdue(store: Store, settings: RetentionSettings, now: datetime) -> Overdue:
    """Raises StoreError: the store cannot be read."""

    def since(days: int | None) -> datetime | None:
        return None if days is None else now - timedelta(days=days)

    def gone(state: StrangerState, days: int | None) -> list[int]:
        moment = since(days)
        return [] if moment is None else store.strangers.not_seen_since(state, moment)

    known = since(settings.known_days)
    ignored = gone("ignored", settings.ignored_days)
    unknown = [*gone("open", settings.unknown_days), *gone("merged", settings.unknown_days)]
    emptied = [id for id in store.strangers.without_likeness() if id not in {*unknown, *ignored}]
    return Overdue(
        events_with_names=0 if known is None else store.sightings.count_named_before(known),
        unknown=[*unknown, *emptied],
        ignored=ignored,
        named=gone("named", settings.known_days),
    )


class ClassRetention:
    """Forgets, some at once, so that nobody waits long.

    Args:
        now: tells ages; a clock that leaps must not forget anybody.
    """

    def __init__(
        self, store: Store, settings: RetentionSettings, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store, self._settings, self._now = store, settings, now
        self._due_s = 0.0

    def enforce(self) -> None:
        """Costs nothing if it is not due; while there is much to forget it is due again at once."""
        if time.monotonic() < self._due_s:
            return
        try:
            forgotten = self.forget_some()
        except StoreError as error:
            logger.warning("classes_not_forgotten reason='%s'", error)
            forgotten = 0
        if not forgotten:
            self._due_s = time.monotonic() + INTERVAL_S

    def forget_some(self) -> int:
        """Returns how much was forgotten; 0: nothing is overdue.

        Raises:
            StoreError: the store cannot be written.
        """
        self._store.erasure.finish()  # whatever was interrupted, by a key ring that was away for example
        now = self._now()
        overdue = find_overdue(self._store, self._settings, now)
        strangers = overdue.strangers[:FORGET_AT_ONCE]
        if strangers:
            self._store.strangers.forget(strangers, "strangers.expire")
        names = 0
        if self._settings.known_days is not None and overdue.events_with_names:
            names = self._store.sightings.forget_names_before(now - timedelta(days=self._settings.known_days))
        if strangers or names:
            logger.info("classes_forgotten strangers=%d names_in_events=%d", len(strangers), names)
        return len(strangers) + names
