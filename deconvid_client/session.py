"""What a subscription does between two waits, whether a thread or an event loop does the waiting."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Literal

import zmq

from deconvid_client.errors import BusError, RefusedError, UnreadableError
from deconvid_client.event import Cursor, Event, Filter
from deconvid_client.sequencing import Sequencer
from deconvid_client.sockets import Address, connect_live, connect_requests
from deconvid_client.wire import (
    ALIVE,
    decode_answer,
    decode_beat,
    decode_event,
    decode_page,
    encode_request,
    replay_request,
)

logger = logging.getLogger(__name__)

SILENCE_S = 5.0
"""The bus beats once a second; after so long it counts as gone."""

BATCH = 256
"""Live events that are read at once."""

After = Cursor | tuple[str | None, int] | Literal["start"] | None


class Session:
    """Two sockets and a `Sequencer`: reads what has arrived, asks for what is missing."""

    def __init__(
        self,
        address: Address,
        wanted: Filter,
        after: After,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises BusError: it cannot ever connect."""
        self.sequencer = Sequencer(Cursor(None, 0) if after == "start" else Cursor(*after) if after else None)
        self.unreadable = 0
        self._address, self._wanted, self._timeout_s, self._clock = address, wanted, timeout_s, clock
        self._heard_s = -math.inf
        self._silent_s = self._clock() + SILENCE_S
        """When it is told that nobody speaks; infinite: it was told."""
        self._request = 0
        self._asked: Cursor | None = None
        """What was asked for and is not answered yet."""
        self._overdue_s = math.inf
        self.live = connect_live(address)
        try:
            self.requests = connect_requests(address)
        except BusError:
            self.live.close()
            raise

    @property
    def is_connected(self) -> bool:
        return self._clock() - self._heard_s < SILENCE_S

    def take(self) -> Event | None:
        """Returns the next event that is wanted, of those that have been read."""
        while (event := self.sequencer.take()) is not None:
            if self._wanted.wants(event):
                return event
        return None

    def prepare_to_wait(self, deadline_s: float) -> int:
        """Asks for what is missing; returns the longest wait for either socket, in milliseconds, -1: for ever."""
        self._tell_silence()
        if self._asked is not None and self._clock() >= self._overdue_s:
            # Lazy pirate: whatever is stuck in the old socket, or on its way, goes with it.
            self._asked = None
            self.requests.close()
            self.requests = connect_requests(self._address)
        missing = self.sequencer.missing_after
        if self._asked is None and missing is not None:
            self._ask(missing)
        due_s = min(deadline_s, self._silent_s, math.inf if self._asked is None else self._overdue_s)
        return -1 if due_s == math.inf else max(0, math.ceil((due_s - self._clock()) * 1000))

    def _tell_silence(self) -> None:
        # A program that was busy with other things has not read yet what came meanwhile.
        if self._clock() < self._silent_s or self.live.poll(0):
            return
        self._silent_s = math.inf
        key = self._address.key
        logger.warning(
            "daemon_silent address=%s for_s=%g cause='no daemon runs there%s'",
            *(self._address.events, SILENCE_S),
            f", or it does not know the key {key.name} (any more): see deconvid keys list" if key else "",
        )

    def _note_heard(self) -> None:
        self._heard_s = self._clock()
        self._silent_s = self._heard_s + SILENCE_S

    def _ask(self, missing: Cursor) -> None:
        self._request += 1
        self._asked, self._overdue_s = missing, self._clock() + self._timeout_s
        self.requests.send_multipart(encode_request(self._request, replay_request(missing)), zmq.NOBLOCK)

    def read(self) -> None:
        """Reads what has arrived, without waiting.

        Raises:
            BusError: nothing can be read as long as the program, or its place in the sequence, is as it is.
        """
        try:
            while True:
                self._take_answer(self.requests.recv_multipart(zmq.NOBLOCK))
        except zmq.Again:
            pass
        try:
            for _ in range(BATCH):
                self._take_live(self.live.recv_multipart(zmq.NOBLOCK))
        except zmq.Again:
            pass

    def _take_live(self, frames: Sequence[bytes]) -> None:
        self._note_heard()
        try:
            if frames[0] == ALIVE:
                self.sequencer.feel_beat(decode_beat(frames[-1]))
            elif (event := self._decode(frames[-1])) is not None:
                self.sequencer.hear(event)
        except UnreadableError as error:
            self._note_unreadable(error)

    def _take_answer(self, frames: Sequence[bytes]) -> None:
        self._note_heard()
        asked = self._asked
        if asked is None or frames[0] != str(self._request).encode():
            return
        try:
            header, payloads = decode_answer(frames[1:])
            # What cannot be read must not be asked for again and again: it counts as lost.
            page = decode_page(header, filter(None, map(self._decode, payloads)))
        except UnreadableError as error:
            self._note_unreadable(error)
        except RefusedError as error:
            # It may be over soon, as a busy database is: it is asked again when the request is overdue.
            logger.warning("replay_refused reason='%s'", error)
        else:
            self._asked = None
            self.sequencer.turn_page(asked, page)

    def _decode(self, payload: bytes) -> Event | None:
        try:
            return decode_event(payload)
        except UnreadableError as error:
            self._note_unreadable(error)
            return None

    def _note_unreadable(self, error: UnreadableError) -> None:
        self.unreadable += 1
        if self.unreadable == 1:
            logger.warning("event_unreadable reason='%s'", error)

    def close(self) -> None:
        self.live.close()
        self.requests.close()
