"""The addresses of a host, within a bound: getaddrinfo has none, and waits half a minute for a DNS that is silent."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from daemon.streams.faults import UNKNOWN_HOST_CAUSE, SourceError

Address = tuple[socket.AddressFamily, Any]
"""As `socket.connect` takes it."""
KEPT_S = 10.0
"""Whoever is away is looked for where it was; after so long, its name is looked up again."""


class HostName:
    """A host and port, whose addresses are kept for a while. No second look-up begins while one hangs."""

    def __init__(
        self,
        host: str,
        port: int,
        patience_s: float,
        look_up: Callable[..., list[Any]] = socket.getaddrinfo,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host, self._port, self._patience_s = host, port, patience_s
        self._look_up = look_up
        self._clock = clock
        self._asked: Future[list[Address]] | None = None
        self._asked_s = 0.0

    def addresses(self) -> list[Address]:
        """Returns where the host is; at least one address.

        Raises:
            SourceError: nobody knows the name, or nobody said so in time.
        """
        if self._asked is None or (self._asked.done() and self._clock() - self._asked_s > KEPT_S):
            self._asked, self._asked_s = Future(), self._clock()
            # A daemon thread: no exit waits for it.
            threading.Thread(target=self._ask, args=(self._asked,), name="look-up", daemon=True).start()
        try:
            return self._asked.result(self._patience_s)
        except TimeoutError:
            cause = f"the host's name was not looked up within {self._patience_s:g} s. Check the DNS, or use an address"
            raise SourceError("backoff", cause) from None
        except (OSError, UnicodeError):
            self._asked = None
            raise SourceError("backoff", UNKNOWN_HOST_CAUSE) from None

    def _ask(self, answer: "Future[list[Address]]") -> None:
        try:
            found = self._look_up(self._host, self._port, type=socket.SOCK_STREAM)
            answer.set_result([(family, sockaddr) for family, _, _, _, sockaddr in found])
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)
