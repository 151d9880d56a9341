"""The bus for other machines: a publisher and a socket for requests over TCP, for those who have a key."""

import logging
import time
from collections.abc import Callable

import zmq

from config.errors import DeconvIDError
from daemon.events.allow_list import AllowList
from daemon.events.keys import ServerKey
from daemon.events.requests import LARGEST_REQUEST, open_router
from daemon.events.zap import DOMAIN, Doorkeeper
from daemon.procfs import resident_bytes

logger = logging.getLogger(__name__)

LOOK_AT_KEYS_S = 1.0
"""A revoked client is cut off after so long at the latest."""
OPEN_AGAIN_S = 0.2
"""libzmq lets go of a port some moments after the socket that held it is closed."""
COMPLAIN_S = 5.0
"""A port that is not free after so long is held by somebody else."""

HANDSHAKE_MS = 3000
"""A peer that has not proved who it is by then is disconnected."""
WAITING_CONNECTIONS = 128
HEARTBEAT_MS = 10_000
"""Clients that vanished without a word hold no connection for longer than three of these."""
LINGER_MS = 100
"""Not 0: libzmq 4.3.5 aborts if a client goes just when a socket drops a message of which it has sent a part."""
EVENTS_WAITING = 10_000
"""For each client; what a slow one has no room for it gets by replay."""
MOST_GROWTH_BYTES = 256 << 20
"""What all clients may cost. libzmq bounds a message's parts in size, not in number, nor a client's subscriptions."""


class CostlyClientsError(DeconvIDError):
    """Somebody out there takes more and more of this process's memory."""


class NetworkBus:
    """`tend` it in every round of the worker's loop: it opens the sockets and keeps them open.

    Whenever somebody must be cut off, both sockets are closed and opened anew: libzmq asks who a peer is only once, as
    it connects. The others connect again by themselves and make good what they missed by replay.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        *,
        events: str,
        requests: str,
        allow_list: AllowList | None,
        poller: zmq.Poller,
        clock: Callable[[], float] = time.monotonic,
        memory: Callable[[], int] = resident_bytes,
    ) -> None:
        """Binds nothing yet.

        Args:
            events: where to publish.
            requests: where to answer.
            allow_list: None: no encryption, everybody may listen.
            poller: learns of every socket that may have something to read.
            memory: of this process, bytes.
        """
        self._memory, self._basis_bytes = memory, 0
        self._context, self._allow_list, self._poller, self._clock = context, allow_list, poller, clock
        self._events_endpoint, self._requests_endpoint = events, requests
        self.doorkeeper = Doorkeeper(context, allow_list) if allow_list else None
        if self.doorkeeper:
            poller.register(self.doorkeeper.socket, zmq.POLLIN)
        self.publisher: zmq.Socket[bytes] | None = None
        """None while the port is not ours."""
        self.requests: zmq.Socket[bytes] | None = None
        self._keys_due_s = self._open_due_s = 0.0
        self._closed_s = clock()
        self._complained = False

    def tend(self) -> None:
        """Lets clients in, cuts off the revoked, opens what is not open. Never waits.

        Raises:
            CostlyClientsError: this process must end: libzmq 4.3.5 keeps the memory also when its sockets are closed.
        """
        if self.publisher and self._memory() - self._basis_bytes > MOST_GROWTH_BYTES:
            raise CostlyClientsError("clients cost too much memory. Revoke the key of whoever does that")
        now_s = self._clock()
        if self._allow_list and now_s >= self._keys_due_s:
            self._keys_due_s = now_s + LOOK_AT_KEYS_S
            if self._allow_list.refresh() and self.publisher:
                logger.info("network_cut cause='a key was revoked or replaced'")
                self._close_sockets()
        if self.doorkeeper:
            self.doorkeeper.answer_all()
        if self.publisher is None and now_s >= self._open_due_s:
            self._open_due_s = now_s + OPEN_AGAIN_S
            self._open_sockets()

    def publish(self, frames: list[bytes]) -> None:
        if self.publisher:
            self.publisher.send_multipart(frames, zmq.NOBLOCK)

    def close(self) -> None:
        self._close_sockets()
        if self.doorkeeper:
            self._poller.unregister(self.doorkeeper.socket)
            self.doorkeeper.close()

    def _open_sockets(self) -> None:
        key = self._allow_list.server if self._allow_list else None
        if self._allow_list and key is None:
            return
        publisher, requests = self._context.socket(zmq.PUB), open_router(self._context)
        publisher.set(zmq.SNDHWM, EVENTS_WAITING)
        try:
            for socket, endpoint in ((publisher, self._events_endpoint), (requests, self._requests_endpoint)):
                socket.set(zmq.IPV6, "[" in endpoint)
                _harden(socket, key)
                socket.bind(endpoint)
        except zmq.ZMQError as error:
            publisher.close()
            requests.close()
            self._complain(error)
            return
        self.publisher, self.requests = publisher, requests
        self._poller.register(requests, zmq.POLLIN)
        self._complained = False
        self._basis_bytes = self._basis_bytes or self._memory()
        logger.info("network_open events=%s encrypted=%s", self._events_endpoint, key is not None)

    def _complain(self, error: zmq.ZMQError) -> None:
        if not self._complained and self._clock() - self._closed_s >= COMPLAIN_S:
            self._complained = True
            fix = "stop what holds the port, or correct events.network"
            logger.error("network_closed cause='%s' fix='%s'", error.strerror, fix)

    def _close_sockets(self) -> None:
        if self.publisher is None or self.requests is None:
            return
        self._poller.unregister(self.requests)
        self.publisher.close()
        self.requests.close()
        self.publisher = self.requests = None
        self._closed_s = self._clock()


def _harden(socket: "zmq.Socket[bytes]", key: ServerKey | None) -> None:
    """Bounds what a stranger can do to a socket, before it is bound. Args: key: None: no encryption."""
    socket.set(zmq.LINGER, LINGER_MS)
    socket.set(zmq.MAXMSGSIZE, LARGEST_REQUEST)
    socket.set(zmq.BACKLOG, WAITING_CONNECTIONS)
    socket.set(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    socket.set(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.set(zmq.HEARTBEAT_TIMEOUT, 2 * HEARTBEAT_MS)
    if key:
        socket.set(zmq.CURVE_SERVER, 1)
        socket.setsockopt_string(zmq.CURVE_SECRETKEY, key.secret_key)
        socket.set(zmq.ZAP_DOMAIN, DOMAIN)
