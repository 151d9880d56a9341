"""Answers libzmq's question whether a peer may connect: ZeroMQ's RFC 27 (ZAP), for CURVE alone."""

import logging
import time

import zmq
from zmq.utils import z85

from daemon.events.allow_list import AllowList
from daemon.events.rates import TokenBucket

logger = logging.getLogger(__name__)

ENDPOINT = "inproc://zeromq.zap.01"
"""Where libzmq asks, in the context of the socket that is being connected to."""
VERSION = b"1.0"
DOMAIN = b"deconvid"
"""Sockets that set zmq.ZAP_DOMAIN to this are asked for here; everybody else is refused."""

KEY_BYTES = 32
REPORTS_PER_S = 0.1
REPORTS_AT_ONCE = 10


class Doorkeeper:
    """Lets in who is on the allow-list, under the name of their key. While it does not answer, nobody gets in."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", allow_list: AllowList) -> None:
        self._allow_list = allow_list
        self.refused = 0
        """Handshakes with a key that is not on the list."""
        self._reports = TokenBucket(REPORTS_PER_S, REPORTS_AT_ONCE, time.monotonic())
        self.socket = context.socket(zmq.REP)
        self.socket.set(zmq.LINGER, 0)
        self.socket.bind(ENDPOINT)

    def answer_all(self) -> None:
        """Answers every question that waits."""
        while self.socket.poll(0):
            self.socket.send_multipart(self._answer(self.socket.recv_multipart()))

    def close(self) -> None:
        self.socket.close()

    def _answer(self, question: list[bytes]) -> list[bytes]:
        _version, request, domain, address, _identity, mechanism, *credentials = question
        name = self._name(domain, mechanism, credentials)
        if name is None:
            self._refuse(address)
            # Not 400: libzmq's clients never try again after that, and this key may be on the list a second later.
            return [VERSION, request, b"300", b"not on the list", b"", b""]
        # libzmq attaches the name to every message of this connection, as "User-Id".
        return [VERSION, request, b"200", b"OK", name.encode(), b""]

    def _name(self, domain: bytes, mechanism: bytes, credentials: list[bytes]) -> str | None:
        if domain != DOMAIN or mechanism != b"CURVE" or [len(key) for key in credentials] != [KEY_BYTES]:
            return None
        client = self._allow_list.find(z85.encode(credentials[0]).decode())
        return client.name if client else None

    def _refuse(self, address: bytes) -> None:
        self.refused += 1
        if self._reports.take(time.monotonic()):
            logger.warning("client_refused address=%s refused=%d", address.decode(errors="replace"), self.refused)
