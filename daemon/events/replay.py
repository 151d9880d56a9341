"""Answers from the event log: what was missed, and what holds now."""

from typing import Annotated, Any

import msgspec

from daemon.events.last_words import LastWords
from daemon.events.requests import Answer, Reply, Request
from daemon.events.wire import Format, encode_payload
from daemon.store import EventFilter, EventPage, Store

MOST_EVENTS = 1000
LARGEST_SEQUENCE = 2**63 - 1

Sequence = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_SEQUENCE)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST_EVENTS)]
Names = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], ...], msgspec.Meta(max_length=64)]


class ReplayRequest(msgspec.Struct, frozen=True):
    after: Sequence
    epoch: str | None = None
    """Of the history in which `after` counts; None: the daemon's own."""
    limit: Limit = MOST_EVENTS
    kinds: Names = ()
    """Beginnings of kinds."""
    cameras: Names = ()


class LastRequest(msgspec.Struct, frozen=True):
    after: Sequence = 0
    limit: Limit = MOST_EVENTS


class Replay:
    """The handlers of `replay` and `last`."""

    def __init__(self, store: Store, words: LastWords, format: Format) -> None:
        self._store, self._words, self._format = store, words, format

    def replay(self, request: Request, reply: Reply) -> None:
        """Answers with the page of events after a sequence number, of another epoch with the first page of this one."""
        asked = msgspec.json.decode(request.body, type=ReplayRequest)
        after = asked.after if asked.epoch in (None, self._store.epoch) else 0
        reply(self._answer(self._store.events.page(after, asked.limit, EventFilter(asked.kinds, asked.cameras))))

    def last(self, request: Request, reply: Reply) -> None:
        """Answers with the newest state of each camera and the newest word on each track that has not left."""
        asked = msgspec.json.decode(request.body, type=LastRequest)
        reply(self._answer(self._store.events.pick(self._words.after(asked.after), asked.limit)))

    def _answer(self, page: EventPage) -> Answer:
        header: dict[str, Any] = {
            "ok": True,
            "epoch": self._store.epoch,
            "oldest": page.oldest,
            "newest": page.newest,
            "through": page.through,
            "more": page.more,
        }
        return Answer(header, [encode_payload(event.payload, self._format) for event in page.events])
