"""Says events, and spares a store that fails."""

import logging
from collections import Counter

from daemon.errors import StoreError
from daemon.events import Event, EventPublisher
from daemon.store import UnknownPersonError

logger = logging.getLogger(__name__)


class Voice:
    """The publisher for somebody who must not stop.

    Each attempt on a locked store takes its whole busy timeout. Were everything that is to be said to try, the worker
    would be taken for hung: after a failure nothing is tried until `try_again`.

    Args:
        publisher: stores and publishes.
        counts: what became of the events, by name.
    """

    def __init__(self, publisher: EventPublisher, counts: Counter[str]) -> None:
        self._publisher, self._counts = publisher, counts
        self._failing = self._resting = False

    def say(self, event: Event, captured_ns: int | None = None) -> int | None:
        """Returns the event's sequence number, None if it could not be stored and therefore was not published.

        Args: as those of `EventPublisher.publish`.
        """
        if self._resting:
            return None
        try:
            published = self._publisher.publish(event, captured_ns)
        except UnknownPersonError:
            # Erased since the gallery was loaded; its next refresh, within a second, decides again without them.
            self._counts["person_erased"] += 1
            return None
        except StoreError as error:
            self._counts["not_stored"] += 1
            self.note_failure(error)
            return None
        self._counts["published"] += 1
        if self._failing:
            logger.warning("store_works_again not_stored=%d", self._counts["not_stored"])
        self._failing = False
        return published.sequence

    def note_failure(self, error: StoreError) -> None:
        """Tells of the first of a row of failures."""
        if not self._failing:
            logger.error("store_failed reason='%s'", error)
        self._failing = self._resting = True

    def try_again(self) -> None:
        self._resting = False
