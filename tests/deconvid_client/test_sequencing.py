"""Whatever the live stream loses, repeats and reorders, and whenever the daemon restarts: each event once, in order."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from deconvid_client.errors import CursorAheadError
from deconvid_client.event import Cursor, Event
from deconvid_client.sequencing import MOST_AHEAD, Sequencer
from deconvid_client.wire import Page

PAGE = 5
"""Events; small, so that a catch-up takes several."""


def make(sequence: int, epoch: str = "one") -> Event:
    return Event("face.left", epoch, sequence, {})


class Daemon:
    """A database, and the truth about it."""

    def __init__(self, events: int) -> None:
        self.epoch = "one"
        self.newest = events
        self.kept = list(range(1, events + 1))

    def replay(self, after: Cursor) -> Page:
        first = after.sequence if after.epoch in (None, self.epoch) else 0
        page = [n for n in self.kept if n > first][:PAGE]
        through = page[-1] if len(page) == PAGE else self.newest
        oldest = min(self.kept, default=self.newest + 1)
        events = tuple(make(n, self.epoch) for n in page)
        return Page(self.epoch, oldest, self.newest, through, through < self.newest, events)


class Following(RuleBasedStateMachine):
    """Messages on their way are two bags out of which anything comes in any order, more than once, or never."""

    @initialize(events=st.integers(0, 8), after=st.sampled_from([None, 0, 3]))
    def begin(self, events: int, after: int | None) -> None:
        self.daemon = Daemon(max(events, after or 0))
        self.sequencer = Sequencer(None if after is None else Cursor("one", after))
        self.live: list[Event | Cursor] = []
        self.pages: list[tuple[Cursor, Page]] = []
        self.first = after
        self.taken: list[tuple[str, int]] = []
        self.gone: set[tuple[str, int]] = set()

    @rule(n=st.integers(1, 12), is_heard=st.booleans())
    def publish(self, n: int, is_heard: bool) -> None:
        for _ in range(n):
            self.daemon.newest += 1
            self.daemon.kept.append(self.daemon.newest)
            if is_heard:
                self.live.append(make(self.daemon.newest, self.daemon.epoch))
        self.live.append(Cursor(self.daemon.epoch, self.daemon.newest))

    @rule(n=st.integers(1, 4))
    def forget(self, n: int) -> None:
        self.gone.update((self.daemon.epoch, sequence) for sequence in self.daemon.kept[:n])
        del self.daemon.kept[:n]

    @precondition(lambda self: self.live)
    @rule(data=st.data(), stays=st.booleans())
    def deliver_live(self, data: st.DataObject, stays: bool) -> None:
        at = data.draw(st.integers(0, len(self.live) - 1))
        message = self.live[at] if stays else self.live.pop(at)
        self.tell(message)

    @rule(n=st.integers(1, 20))
    def deliver_in_order(self, n: int) -> None:
        for message in self.live[:n]:
            self.tell(message)
        del self.live[:n]

    def tell(self, message: Event | Cursor) -> None:
        if self.first is None:
            self.first = message.sequence - isinstance(message, Event)
        self.sequencer.hear(message) if isinstance(message, Event) else self.sequencer.feel_beat(message)

    @rule()
    def lose_everything_on_its_way(self) -> None:
        self.live.clear()
        self.pages.clear()

    @rule()
    def take(self) -> None:
        while (event := self.sequencer.take()) is not None:
            assert self.sequencer.cursor
            assert self.sequencer.cursor >= (event.epoch, event.sequence)
            self.taken.append((event.epoch, event.sequence))

    @precondition(lambda self: self.sequencer.missing_after is not None and not self.pages)
    @rule()
    def ask(self) -> None:
        """The daemon answers at once; its answer may be long on its way or get lost."""
        asked = self.sequencer.missing_after
        self.pages.append((asked, self.daemon.replay(asked)))

    @precondition(lambda self: self.pages)
    @rule()
    def deliver_page(self) -> None:
        self.sequencer.turn_page(*self.pages.pop())

    @precondition(lambda self: self.daemon.epoch == "one")
    @rule()
    def replace_the_database(self) -> None:
        self.daemon.epoch, self.daemon.newest, self.daemon.kept = "two", 0, []

    @invariant()
    def every_event_comes_once_and_in_order(self) -> None:
        assert self.taken == sorted(set(self.taken))  # epoch "one" comes before "two"

    def teardown(self) -> None:
        """The world heals: the daemon beats and answers. Then nothing may be missing that is still kept."""
        if not hasattr(self, "daemon"):
            return
        self.take()
        self.pages.clear()
        if self.daemon.newest:
            self.tell(Cursor(self.daemon.epoch, self.daemon.newest))
        for _ in range(100):
            self.take()
            if (asked := self.sequencer.missing_after) is None:
                break
            self.sequencer.turn_page(asked, self.daemon.replay(asked))
        self.every_event_comes_once_and_in_order()
        self.judge_newest_epoch()

    def judge_newest_epoch(self) -> None:
        epoch, newest = self.daemon.epoch, self.daemon.newest
        cursor = self.sequencer.cursor
        if not newest or cursor is None or self.first is None:
            return
        assert cursor == (epoch, newest)
        begun = self.first if epoch == "one" or not self.saw_first_epoch else 0
        missing = {(epoch, n) for n in range(begun + 1, newest + 1)} - set(self.taken)
        assert missing <= self.gone
        if epoch == "one":
            assert self.sequencer.lost == len(missing)

    @property
    def saw_first_epoch(self) -> bool:
        return any(epoch == "one" for epoch, _ in self.taken)


Following.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestFollowing = Following.TestCase


def drain(sequencer: Sequencer) -> list[int]:
    return [event.sequence for event in iter(sequencer.take, None)]


def test_without_a_cursor_it_begins_with_what_it_hears() -> None:
    sequencer = Sequencer(None)
    sequencer.hear(make(41))
    assert (drain(sequencer), sequencer.cursor, sequencer.missing_after) == ([41], ("one", 41), None)


def test_cursor_is_behind_what_was_not_taken() -> None:
    sequencer = Sequencer(Cursor("one", 0))
    for n in (1, 2, 3):
        sequencer.hear(make(n))
    sequencer.take()
    assert sequencer.cursor == ("one", 1)


def test_live_events_after_a_gap_wait_for_one_page() -> None:
    sequencer = Sequencer(None)
    for n in (1, 4, 5, 6):
        sequencer.hear(make(n))
    assert drain(sequencer) == [1]
    assert sequencer.missing_after == ("one", 1)
    sequencer.turn_page(Cursor("one", 1), Page("one", 1, 4, 4, False, (make(2), make(3), make(4))))
    assert drain(sequencer) == [2, 3, 4, 5, 6]
    assert sequencer.missing_after is None


def test_memory_is_bounded_while_a_gap_is_open() -> None:
    sequencer = Sequencer(Cursor("one", 0))
    for n in range(2, 10 * MOST_AHEAD):
        sequencer.hear(make(n))
    assert len(sequencer._ahead) == MOST_AHEAD
    assert drain(sequencer) == []


def test_deleted_events_are_counted() -> None:
    sequencer = Sequencer(Cursor("one", 2))
    sequencer.turn_page(Cursor("one", 2), Page("one", 5, 9, 9, False, (make(5), make(6), make(9))))
    assert (drain(sequencer), sequencer.lost) == ([5, 6, 9], 4)


def test_everything_kept_has_no_lost_beginning() -> None:
    sequencer = Sequencer(Cursor(None, 0))
    sequencer.turn_page(Cursor(None, 0), Page("one", 5, 6, 6, False, (make(5), make(6))))
    assert (drain(sequencer), sequencer.lost) == ([5, 6], 0)


def test_another_database_is_read_from_its_start() -> None:
    sequencer = Sequencer(Cursor("one", 7))
    sequencer.feel_beat(Cursor("two", 3))
    sequencer.turn_page(Cursor("one", 7), Page("two", 1, 3, 3, False, ()))
    assert sequencer.missing_after == ("two", 0)


def test_older_copy_of_the_database_is_told() -> None:
    sequencer = Sequencer(Cursor("one", 7))
    with pytest.raises(CursorAheadError, match="event 7 was seen, but the daemon's newest is 3"):
        sequencer.turn_page(Cursor("one", 7), Page("one", 1, 3, 3, False, ()))


def test_impossible_newest_event_is_not_asked_for_for_ever() -> None:
    sequencer = Sequencer(Cursor("one", 3))
    sequencer.hear(make(9))
    sequencer.turn_page(Cursor("one", 3), Page("one", 1, 3, 3, False, ()))
    assert sequencer.missing_after is None
