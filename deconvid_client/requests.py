"""Asks a daemon something and waits for its answer."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zmq

from deconvid_client.errors import NoAnswerError
from deconvid_client.event import Cursor, Event, Filter
from deconvid_client.keys import KeyFile
from deconvid_client.sockets import Address, connect_requests
from deconvid_client.wire import PAGE, Page, decode_answer, decode_event, decode_page, encode_request, replay_request

ATTEMPTS = 3
"""Of requests that may be made twice."""


class Requests:
    """A context manager. For one thread at a time.

    All methods raise NoAnswerError (nobody is there, or the key is not allowed), RefusedError (the daemon says no) and
    UnreadableError (it speaks another language).
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        key: str | Path | KeyFile | None = None,
        timeout_s: float = 2.0,
    ) -> None:
        """Connects to a daemon, which may be started later.

        Args:
            endpoint: where it answers: `ipc:///run/deconvid/requests`, `tcp://HOST:9782`; unset: what the key says.
            key: for a daemon on another machine: the file of `deconvid keys new`.
            timeout_s: longest wait for one answer; what may be asked twice is asked three times.

        Raises:
            BusError: no daemon can ever answer at this address.
        """
        self._address = Address.of(endpoint, endpoint, key)
        self._timeout_s, self._number = timeout_s, 0
        self._socket = connect_requests(self._address)

    def last(self) -> list[Event]:
        """Returns how things stand: the newest state of each camera, the newest word on each track in sight."""
        events: list[Event] = []
        after, more = 0, True
        while more:
            page = self._page({"ask": "last", "after": after})
            events += page.events
            after, more = page.through, page.more
        return events

    def replay(
        self,
        after: Cursor | tuple[str | None, int] = Cursor(None, 0),
        *,
        limit: int = PAGE,
        kinds: Sequence[str] = (),
        cameras: Sequence[str] = (),
    ) -> Page:
        """Returns the events after a place, oldest first; `Page.through` is the place to go on from.

        Args:
            after: the epoch may be None: the database that the daemon has now.
            limit: at most 1000; a page may have fewer although there are more.
            kinds: only events whose kind begins with one of these.
            cameras: only events of these.
        """
        return self._page(replay_request(Cursor(*after), limit, Filter(kinds, cameras)))

    def control(self, command: str, **arguments: str | int | float | bool) -> str:
        """Tells the daemon to do something (`pause`, camera="door"); returns what it says about it.

        It is said once: after a NoAnswerError it may be done or not.
        """
        header, _ = self._ask({"ask": "control", "command": command, **arguments}, attempts=1)
        return str(header.get("message", ""))

    def _page(self, request: Mapping[str, Any]) -> Page:
        header, payloads = self._ask(request, ATTEMPTS)
        return decode_page(header, [decode_event(payload) for payload in payloads])

    def _ask(self, request: Mapping[str, Any], attempts: int) -> tuple[dict[str, Any], Sequence[bytes]]:
        for _ in range(attempts):
            self._number += 1
            self._socket.send_multipart(encode_request(self._number, request), zmq.NOBLOCK)
            frames = self._await_answer(time.monotonic() + self._timeout_s)
            if frames is not None:
                return decode_answer(frames)
            # Lazy pirate: whatever is stuck in the old socket, or on its way, goes with it.
            self._socket.close()
            self._socket = connect_requests(self._address)
        raise NoAnswerError(
            f"{self._address.requests}: no answer in {attempts * self._timeout_s:g} s. Is `deconvid run` running?"
            + (" Does the daemon still know the key? `deconvid keys list` tells" if self._address.key else "")
        )

    def _await_answer(self, deadline_s: float) -> Sequence[bytes] | None:
        while self._socket.poll(max(0, int((deadline_s - time.monotonic()) * 1000))):
            number, *frames = self._socket.recv_multipart()
            if number == str(self._number).encode():
                return frames
        return None

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
