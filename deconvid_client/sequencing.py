"""Puts what arrives into one gap-free sequence, without sockets or a clock.

The live stream may lose, repeat and reorder events; replay pages come from the daemon's database and tell the truth. So
only what directly follows is taken from the live stream; everything else is asked for.
"""

import logging
from collections import deque

from deconvid_client.errors import CursorAheadError
from deconvid_client.event import Cursor, Event
from deconvid_client.wire import Page

logger = logging.getLogger(__name__)

MOST_AHEAD = 512
"""Live events that are kept while the ones before them are replayed; older ones are dropped and replayed too."""


class Sequencer:
    """Yields each event of an epoch once, in order.

    While everything is `take`n before more is told, it holds at most one page and `MOST_AHEAD` events.
    """

    def __init__(self, after: Cursor | None) -> None:
        """Args: after: the last event that was seen; None: begin with the first one that is heard of."""
        self.lost = 0
        """Events that the daemon had deleted before they could be replayed."""
        self._place = after
        """Up to here every event is taken, ready or lost."""
        self._ready: deque[Event] = deque()
        """Follow each other up to `_place`."""
        self._ahead: deque[Event] = deque(maxlen=MOST_AHEAD)
        """What was heard beyond a gap, as it came."""
        self._newest = 0
        self._unsure = after is not None
        """Only the daemon's answer can tell whether something is missing."""

    @property
    def cursor(self) -> Cursor | None:
        """The place of the last event that was taken; None if nothing was heard of yet."""
        if self._ready:
            return Cursor(self._ready[0].epoch, self._ready[0].sequence - 1)
        return self._place

    @property
    def missing_after(self) -> Cursor | None:
        """Where the replay is to begin that is needed now; None if none is."""
        if self._place is None or self._ready or not (self._unsure or self._newest > self._place.sequence):
            return None
        return self._place

    def take(self) -> Event | None:
        return self._ready.popleft() if self._ready else None

    def hear(self, event: Event) -> None:
        """Takes in an event of the live stream."""
        if self._place is None:
            self._place = Cursor(event.epoch, event.sequence - 1)
        if event.epoch != self._place.epoch:
            self._unsure = True
            return
        self._newest = max(self._newest, event.sequence)
        if event.sequence == self._place.sequence + 1:
            self._append(event)
            self._join()
        elif event.sequence > self._place.sequence:
            self._ahead.append(event)

    def feel_beat(self, newest: Cursor) -> None:
        """Takes in the bus's word on its newest event, which reveals a gap when nothing follows it."""
        if self._place is None:
            self._place = newest
        elif newest.epoch != self._place.epoch or newest.sequence < self._place.sequence:
            self._unsure = True
        else:
            self._newest = max(self._newest, newest.sequence)

    def turn_page(self, asked: Cursor, page: Page) -> None:
        """Takes in the answer to a request that was made for `asked`, the newest `missing_after`.

        Raises:
            CursorAheadError: the daemon's database ends before `asked`.
        """
        self._unsure = False
        if asked.epoch not in (None, page.epoch):
            self._begin_anew(page)
            return
        if page.newest < asked.sequence:
            raise CursorAheadError(
                f"event {asked.sequence} was seen, but the daemon's newest is {page.newest}: it is an older copy. "
                'Subscribe without `after`, or with after="start"'
            )
        if asked.epoch is None:
            self._place = Cursor(page.epoch, max(asked.sequence, page.oldest - 1))
        self._newest = max(self._newest, page.newest)
        if page.newest == asked.sequence:
            # Whatever was heard of newer events is of no account; else one would ask for them for ever.
            self._newest = page.newest
            self._ahead.clear()
        self._read(page)
        self._join()

    def _read(self, page: Page) -> None:
        for event in page.events:
            if event.sequence > self._sequence:
                self._lose_up_to(event.sequence - 1)
                self._append(event)
        self._lose_up_to(page.through)

    @property
    def _sequence(self) -> int:
        return self._place.sequence if self._place else 0

    def _append(self, event: Event) -> None:
        self._ready.append(event)
        self._place = Cursor(event.epoch, event.sequence)

    def _lose_up_to(self, sequence: int) -> None:
        assert self._place
        if sequence > self._place.sequence:
            self.lost += sequence - self._place.sequence
            logger.warning("events_lost first=%d last=%d cause='deleted'", self._place.sequence + 1, sequence)
            self._place = Cursor(self._place.epoch, sequence)

    def _join(self) -> None:
        """Appends what follows of that; what a gap still keeps apart is replayed."""
        while self._ahead and self._ahead[0].sequence <= self._sequence + 1:
            event = self._ahead.popleft()
            if event.sequence == self._sequence + 1:
                self._append(event)

    def _begin_anew(self, page: Page) -> None:
        logger.warning("events_epoch_changed epoch=%s newest=%d cause='another database'", page.epoch, page.newest)
        self._place, self._newest = Cursor(page.epoch, 0), page.newest
        self._ahead.clear()
