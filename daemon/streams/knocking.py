"""Whether anybody listens where a camera should be: a TCP connection that is closed as soon as it stands.

It takes a tenth of a millisecond, no thread and no memory, so that it may be tried every half second for days; and it
comes before every attempt of libav, which looks names up without a bound, and whose lost first packet is repeated only
after 1, 3 and 7 s.
"""

import errno
import os
import select
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from daemon.streams.faults import REFUSED_CAUSE, SourceError
from daemon.streams.names import Address, HostName

KNOCK_S = 0.4
"""How often, and how long each waits for an answer."""
PATIENCE_S = 2.0
"""A knock is still answered while later ones are under way: a camera may be far off."""
PORTS = {"rtsp": 554, "rtsps": 322}


class Knocker:
    """Knocks at the host and port of an RTSP address."""

    def __init__(self, address: str, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Takes the camera's address, and how long the host's name may take to look up."""
        parts = urlsplit(address)
        self._name = HostName(parts.hostname or "", parts.port or PORTS[parts.scheme], patience_s, clock=clock)
        self._clock = clock
        self._calls: dict[int, tuple[socket.socket, float]] = {}

    def knock(self) -> None:
        """Returns as soon as somebody answers.

        Raises:
            SourceError: nobody does, within KNOCK_S; or the host's name is unknown.
        """
        refusal = self._call(self._name.addresses())
        deadline_s = self._clock() + KNOCK_S
        while self._calls and (left_s := deadline_s - self._clock()) > 0:
            for number in self._answers(left_s):
                call, _ = self._calls.pop(number)
                with call:
                    refusal = call.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not refusal:
                    self.close()
                    return
        self._give_up(older_than_s=PATIENCE_S)
        raise SourceError("backoff", _cause(refusal), away=True)

    def close(self) -> None:
        self._give_up(older_than_s=0.0)

    def _call(self, addresses: list[Address]) -> int:
        """Begins a connection to each address; returns the error number of one that failed at once, or 0."""
        refusal = 0
        for family, sockaddr in addresses:
            try:
                call = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            except OSError as error:  # a kernel without IPv6
                refusal = error.errno or 0
                continue
            code = call.connect_ex(sockaddr)
            if code in (0, errno.EINPROGRESS):
                self._calls[call.fileno()] = call, self._clock()
            else:
                call.close()
                refusal = code
        return refusal

    def _answers(self, seconds: float) -> list[int]:
        poller = select.poll()
        for number in self._calls:
            poller.register(number, select.POLLOUT)
        return [number for number, _ in poller.poll(seconds * 1000)]

    def _give_up(self, older_than_s: float) -> None:
        for number, (call, since_s) in list(self._calls.items()):
            if self._clock() - since_s >= older_than_s:
                del self._calls[number]
                call.close()


def _cause(code: int) -> str:
    if not code:
        return "no answer: the camera is off, or the network between does not carry"
    return REFUSED_CAUSE if code == errno.ECONNREFUSED else f"{os.strerror(code).lower()}. Check url, or the network"
