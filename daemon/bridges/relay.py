"""From the store, through the rules, to the other side: the bridge without its process."""

import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from daemon.bridges.backoff import retry_delay_s
from daemon.bridges.dead import DeadLetter, DeadLetters
from daemon.bridges.position import Position, PositionFile
from daemon.bridges.transport import Envelope, Parcel, RefusedError, Transport, UnreachableError
from daemon.errors import StoreError
from daemon.rules import RuleBook, Sighting, States, Told, sighting_of
from daemon.store import Store, StoredEvent

logger = logging.getLogger(__name__)

PAGE = 500
"""Events that are in memory at once, whatever the other side does."""
TURN_S = 2.0
"""After so long a turn ends with the delivery at which it is."""
SAVE_S = 1.0
"""How often the position is noted while nothing is delivered."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some events in a row, and what is to be delivered of them."""

    position: Position
    """After it."""
    events: int
    """How many there were."""
    seen: Sequence[Sighting]
    letters: Sequence[tuple[Told, StoredEvent]]


class Relay:
    """Use `turn` again and again; only a delivery waits in it, as long as the transport's time-out.

    Args:
        name: of the bridge.
        store: is only read.
        book: what passes.
        transport: the other side.
        position_file: where the bridge goes on after a restart.
        dead: what is given up.
        give_up_after_s: age at which that happens; None: never.
        skip_backlog: begin, where there is no position yet, with what comes.
        now: wall clock; clock: monotonic, seconds; chance: 0..1, random.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        book: RuleBook,
        transport: Transport,
        position_file: PositionFile,
        dead: DeadLetters,
        give_up_after_s: float | None = None,
        skip_backlog: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Raises StoreError or OSError."""
        self.counts: Counter[str] = Counter(delivered=0, failed=0, dead=0, lost=0, quiet=0)
        self.lag = 0
        """Events that wait."""
        self.ill = ""
        """Why nothing is delivered; empty if all is well."""
        self._name, self._store, self._book, self._transport = name, store, book, transport
        self._file, self._dead, self._give_up_after_s = position_file, dead, give_up_after_s
        self._now, self._clock, self._chance = now, clock, chance
        self._failures, self._retry_s, self._saved_s = 0, -math.inf, -math.inf
        self._owed = False
        """Whether something was delivered whose position is not noted yet."""
        self._fault: UnreachableError | None = None
        """Of this turn."""
        self._position = self._begin(skip_backlog)

    def turn(self) -> bool:
        """Delivers some; returns whether more can be done at once."""
        if self._clock() < self._retry_s:
            return False
        self._fault = None
        try:
            if self._owed:
                self._save()
            more = self._deliver_page()
            if self._fault:
                raise self._fault
            self._transport.keep_up()
        except (UnreachableError, StoreError, OSError) as error:
            self._note_failure(error)
            return False
        self._note_success()
        return more

    def finish(self) -> None:
        """For the end: notes the position. Raises OSError."""
        self._save()

    def _deliver_page(self) -> bool:
        turn_ends_s = self._clock() + TURN_S
        page = self._store.events.page(self._position.sequence, PAGE)
        try:
            for stretch in self._stretches(page.events, page.through, caught_up=page.through >= page.newest):
                self._deliver(stretch)
                if self._clock() >= turn_ends_s:
                    break
        finally:
            self.lag = max(0, page.newest - self._position.sequence)
        return self.lag > 0

    def _stretches(self, events: Sequence[StoredEvent], through: int, caught_up: bool) -> Iterator[Stretch]:
        """Cuts a page where the transport can take no more at once."""
        states, sequence = self._position.states, self._position.sequence
        count, seen, letters = 0, list[Sighting](), list[tuple[Told, StoredEvent]]()
        for event in events:
            states, sighting, told = self._judge(states, event)
            count, sequence = count + 1, event.sequence
            seen += [sighting] if sighting else []
            letters += told
            if len(letters) >= self._transport.most_at_once:
                yield Stretch(Position(self._store.epoch, sequence, states), count, seen, letters)
                count, seen, letters = 0, [], []
        if caught_up:
            # Only now is the clock as far as the events: what was held may have been dropped by one of them.
            states, due = self._book.release(states, self._now())
            letters = [*letters, *self._fetched(due)]
        yield Stretch(Position(self._store.epoch, max(sequence, through), states), count, seen, letters)

    def _judge(
        self, states: States, event: StoredEvent
    ) -> tuple[States, Sighting | None, list[tuple[Told, StoredEvent]]]:
        try:
            sighting = sighting_of(event.payload)
        except msgspec.MsgspecError:
            self.counts["unreadable"] += 1
            return states, None, []
        states, due = self._book.release(states, sighting.captured_at)
        states, told = self._book.feed(states, sighting)
        self.counts["quiet"] += told is None
        return states, sighting, [*self._fetched(due), *([(told, event)] if told else [])]

    def _fetched(self, due: Sequence[Told]) -> list[tuple[Told, StoredEvent]]:
        """Returns held events as the store has them now: somebody in them may have been erased."""
        letters = []
        for told in due:
            for event in self._store.events.since(told.sequence - 1, 1):
                if event.sequence == told.sequence:
                    letters.append((told, event))
        return letters

    def _deliver(self, stretch: Stretch) -> None:
        # A hold that falls due with the event that fills a delivery makes it larger than it may be.
        most = self._transport.most_at_once
        for start in range(0, len(stretch.letters), most) or [0]:
            is_last = start + most >= len(stretch.letters)
            self._deliver_some(stretch.letters[start : start + most], stretch.seen if is_last else [])
        self._note_lost(stretch.position.sequence - self._position.sequence - stretch.events)
        changed, self._position = stretch.position != self._position, stretch.position
        self._owed = bool(stretch.letters)
        if self._owed or (changed and self._clock() >= self._saved_s + SAVE_S):
            self._save()

    def _deliver_some(self, letters: Sequence[tuple[Told, StoredEvent]], seen: Sequence[Sighting]) -> None:
        """Raises UnreachableError: it is to be tried again. The other side is not asked twice in one turn."""
        parcels = [make_parcel(self._name, self._store.epoch, *letter) for letter in letters]
        try:
            if self._fault:
                raise self._fault
            self._transport.deliver(parcels, seen)
            self.counts["delivered"] += len(parcels)
        except RefusedError as error:
            self._give_up(letters, str(error))
        except UnreachableError as error:
            self._fault = error
            if not self._expired(letters):
                raise
            self._give_up(letters, str(error))

    def _expired(self, letters: Sequence[tuple[Told, StoredEvent]]) -> bool:
        if self._give_up_after_s is None or not letters:
            return False
        return all(self._now() - event.at > timedelta(seconds=self._give_up_after_s) for _, event in letters)

    def _give_up(self, letters: Sequence[tuple[Told, StoredEvent]], reason: str) -> None:
        for told, event in letters:
            surplus = self._dead.add(
                DeadLetter(
                    epoch=self._store.epoch,
                    sequence=event.sequence,
                    rules=told.rules,
                    level=told.level,
                    reason=reason,
                    given_up_at=self._now().isoformat(timespec="seconds"),
                )
            )
            self.counts["dead"] += 1
            self.counts["dead_dropped"] += surplus
            logger.warning("bridge_gave_up bridge=%s sequence=%d cause='%s'", self._name, event.sequence, reason)

    def _begin(self, skip_backlog: bool) -> Position:
        newest, known = self._store.events.newest(), self._file.load()
        if known is None or known.epoch != self._store.epoch:
            begin = Position(self._store.epoch, newest if known is None and skip_backlog else 0)
        elif known.sequence > newest:
            # An older copy of the database was put back.
            logger.warning("bridge_ahead_of_store bridge=%s position=%d newest=%d", self._name, known.sequence, newest)
            begin = Position(self._store.epoch, newest)
        else:
            return known
        self._file.save(begin)
        return begin

    def _save(self) -> None:
        self._file.save(self._position)
        self._owed, self._saved_s = False, self._clock()

    def _note_lost(self, lost: int) -> None:
        if lost > 0:
            self.counts["lost"] += lost
            logger.error(
                "bridge_events_lost bridge=%s count=%d cause='retention deleted them undelivered' fix='%s'",
                *(self._name, lost, "raise events.keep_days or events.keep_megabytes"),
            )

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        self.counts["failed"] += 1
        delay_s = retry_delay_s(self._failures, self._chance())
        if isinstance(error, UnreachableError):
            delay_s = max(delay_s, error.retry_after_s)
        self._retry_s = self._clock() + delay_s
        # The text of an OSError has a path of this machine in it.
        cause = f"its position cannot be noted ({error.strerror})" if isinstance(error, OSError) else str(error)
        if not self.ill:
            logger.warning("bridge_down bridge=%s cause='%s'", self._name, cause)
        self.ill = cause

    def _note_success(self) -> None:
        if self.ill:
            logger.info("bridge_up bridge=%s failed=%d", self._name, self._failures)
        self._failures, self.ill = 0, ""


def make_parcel(bridge: str, epoch: str, told: Told, event: StoredEvent) -> Parcel:
    id = f"{epoch}-{event.sequence}"
    envelope = Envelope(
        id=id, bridge=bridge, rules=told.rules, level=told.level, event=msgspec.Raw(event.payload.encode())
    )
    return Parcel(id, event.sequence, event.kind, event.camera, msgspec.json.encode(envelope))
