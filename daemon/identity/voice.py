"""Says events, many in one transaction, and spares a store that fails."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from daemon.errors import StoreError
from daemon.events.schema import Event
from daemon.events.writer import Draft, EventWriter

logger = logging.getLogger(__name__)

Told = Callable[[int | None], None]
"""Learns the event's sequence number, None if it was not stored and therefore nobody hears it."""


@dataclass(frozen=True, slots=True)
class Utterance:
    draft: Draft
    told: Told


class Voice:
    """The writer of events for somebody who must not stop.

    What is said is stored, and its outcome told, at the next `flush`. Each attempt on a locked store takes its whole
    busy timeout; were everything that is to be said to try, the worker would be taken for hung: after a failure nothing
    is tried until `try_again`.

    Args:
        writer: stores.
        counts: what became of the events, by name.
    """

    def __init__(self, writer: EventWriter, counts: Counter[str]) -> None:
        self._writer, self._counts = writer, counts
        self._waiting: list[Utterance] = []
        self.fault = ""
        """Why nothing can be stored, with the fix; empty if all is well."""
        self.rests = False
        """Whether nothing is tried now: whatever is said is not stored."""
        self._failed = 0
        """Attempts since the store failed."""

    def say(self, event: Event, told: Told, captured_ns: int | None = None) -> None:
        """Args: as those of `Draft`; told: is called once, at once while the store fails."""
        if self.rests:
            told(None)
            return
        self._waiting.append(Utterance(Draft(event, captured_ns), told))
        if self.fault:
            self.flush()  # the first one finds out whether the store works again

    def flush(self) -> None:
        """Stores what waits, in the order in which it was said."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        for utterance, number in zip(waiting, self._write(waiting), strict=True):
            utterance.told(number)

    def _write(self, utterances: list[Utterance]) -> list[int | None]:
        try:
            numbers = self._writer.write([utterance.draft for utterance in utterances])
        except StoreError as error:
            self.note_failure(error)
            return [None] * len(utterances)
        # Erased since the gallery was loaded; its next refresh, within a second, decides again without them.
        self._counts["person_erased"] += numbers.count(None)
        self._counts["events"] += len(numbers) - numbers.count(None)
        if self.fault:
            logger.warning("store_works_again failed_attempts=%d", self._failed)
        self.fault, self._failed = "", 0
        return numbers

    def note_failure(self, error: StoreError) -> None:
        """Counts a failed attempt, and tells of the first in a row."""
        self._failed += 1
        self._counts["store_failures"] += 1
        if not self.fault:
            logger.error("store_failed reason='%s'", error)
        self.fault, self.rests = str(error), True

    def try_again(self) -> None:
        self.rests = False
