"""The event bus: tells what is in the store, as it comes (PUB), and answers requests (ROUTER)."""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import zmq

from daemon.errors import StoreError
from daemon.events.cursor import CursorFile
from daemon.events.last_words import LastWords
from daemon.events.network import NetworkBus
from daemon.events.peers import local_peer, network_peer
from daemon.events.replay import Replay
from daemon.events.requests import Handler, RequestDesk, open_router
from daemon.events.schema import topic_of
from daemon.events.sockets import bind_private, connect
from daemon.events.wire import Format, encode_object, encode_payload
from daemon.store import Store

logger = logging.getLogger(__name__)

Context = zmq.Context[zmq.Socket[bytes]]

ALIVE = "bus.alive"
CHORES_S = 1.0
"""How often it says that it lives, looks into the store unasked, and notes how far it has told."""

PAGE = 500
"""Events that are published in one turn, so that requests are answered in between."""

SEND_QUEUE = 10_000
"""Events that wait for a slow subscriber before it loses some, which it gets by replay."""

LINGER_MS = 1000
"""Longest wait for subscribers when the bus closes."""


class EventBus:
    """Use `turn` again and again. Nothing in it waits for a subscriber. A context manager.

    Everything that is published is read from the store: what comes in there is told, whatever process dies when. After
    a crash some of it is told again.

    Args:
        store: is only read.
        cursor: how far a predecessor has told.
        format: of what is published.
        more_handlers: who answers requests other than `replay` and `last`, by `ask`.
    """

    def __init__(
        self, store: Store, cursor: CursorFile, format: Format, more_handlers: Mapping[str, Handler] | None = None
    ) -> None:
        """Raises StoreError: the store cannot be read."""
        self.counts: Counter[str] = Counter()
        self._store, self._cursor, self._format = store, cursor, format
        self._newest = store.events.newest()
        self._noted = cursor.load()
        # Of a database that nothing is known of, the past is not told as if it happened now: whoever missed any of it
        # replays it. After an older copy was put back, the cursor is ahead.
        self.told = self._newest if self._noted is None else min(self._noted, self._newest)
        """Sequence of the last event that was published."""
        self._words = LastWords.load(store.events)
        replay = Replay(store, self._words, format)
        self._desk = RequestDesk({"replay": replay.replay, "last": replay.last, **(more_handlers or {})}, self.counts)
        self._chores_due_s = 0.0
        self._sockets: list[zmq.Socket[bytes]] = []
        self._network: NetworkBus | None = None
        self.poller = zmq.Poller()
        """Whatever is registered here ends the wait of a turn."""

    def open(
        self, context: Context, *, events: str, requests: str, stored: str, network: NetworkBus | None = None
    ) -> None:
        """Binds and connects.

        Args:
            events: where to publish.
            requests: where to answer.
            stored: where the writer of the store says that there is something new.
            network: publishes and answers for other machines too; None: nobody does.

        Raises:
            EventBusError: an endpoint cannot be bound.
        """
        self._publisher: zmq.Socket[bytes] = context.socket(zmq.PUB)
        self._publisher.set(zmq.SNDHWM, SEND_QUEUE)
        self._publisher.set(zmq.LINGER, LINGER_MS)
        self._router = open_router(context)
        self._hints: zmq.Socket[bytes] = context.socket(zmq.SUB)
        self._hints.set(zmq.CONFLATE, 1)  # only the newest number matters
        self._hints.subscribe(b"")
        self._sockets = [self._publisher, self._router, self._hints]
        bind_private(self._publisher, events)
        bind_private(self._router, requests)
        connect(self._hints, stored)
        self._network = network
        for socket in (self._router, self._hints):
            self.poller.register(socket, zmq.POLLIN)

    def turn(self, wait_ms: int) -> None:
        """Waits for something to do, at most so long, and does a bounded amount of it."""
        readable = dict(self.poller.poll(0 if self.behind else wait_ms))
        if self._hints in readable:
            self._newest = max(self._newest, int.from_bytes(self._hints.recv(), "big"))
        if time.monotonic() >= self._chores_due_s:
            self._do_chores()
        if self.behind:
            self._publish_page()
        if self._router in readable:
            self._desk.serve(self._router, local_peer)
        remote = self._network.requests if self._network else None
        if remote is not None and remote in readable:
            self._desk.serve(remote, network_peer)

    def finish(self) -> None:
        """For the end: publishes what is in the store and was not published yet."""
        self._look()
        while self.behind:
            self._publish_page()
        self._note_cursor()

    @property
    def behind(self) -> int:
        """Events that are known to be in the store and were not published yet."""
        return self._newest - self.told

    def _publish_page(self) -> None:
        try:
            page = self._store.events.page(self.told, PAGE)
        except StoreError as error:
            self._note_failure(error)
            return
        for event in page.events:
            self._words.note(event)
            self._say(topic_of(event.kind, event.camera), encode_payload(event.payload, self._format))
        self.counts["published"] += len(page.events)
        self.told = max(self.told, page.through)
        self._see(page.newest)

    def _do_chores(self) -> None:
        self._chores_due_s = time.monotonic() + CHORES_S
        self._look()
        self._note_cursor()
        self._say(ALIVE, encode_object({"epoch": self._store.epoch, "newest": self.told}, self._format))

    def _look(self) -> None:
        """A hint may be lost."""
        try:
            self._see(self._store.events.newest())
        except StoreError as error:
            self._note_failure(error)

    def _see(self, newest: int) -> None:
        """Args: newest: number in the store, 0 if it holds no event: none yet, or none that has not expired."""
        if 0 < newest < self.told:
            # An older copy took the store's place, or a database that was failed over lost the last events.
            logger.error("store_went_back told=%d newest=%d action='tell what comes from here on'", self.told, newest)
            self.told = newest
        self._newest = newest or self.told

    def _say(self, topic: str, payload: bytes) -> None:
        frames = [topic.encode(), payload]
        self._publisher.send_multipart(frames, zmq.NOBLOCK)
        if self._network:
            self._network.publish(frames)

    def _note_cursor(self) -> None:
        if self.told == self._noted:
            return
        try:
            self._cursor.save(self.told)
        except OSError as error:  # a successor tells again what was told since
            self.counts["cursor_not_saved"] += 1
            if self.counts["cursor_not_saved"] == 1:
                logger.warning("cursor_not_saved cause='%s' fix='free some space'", error.strerror)
            return
        self._noted = self.told

    def _note_failure(self, error: StoreError) -> None:
        """Tells of the first failure and rests until the chores look again."""
        self._newest = self.told
        self.counts["read_failed"] += 1
        if self.counts["read_failed"] == 1:
            logger.warning("bus_cannot_read cause='%s'", error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for socket in self._sockets:
            socket.close()
