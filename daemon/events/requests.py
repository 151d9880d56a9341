"""Requests over ROUTER: frames [number, JSON] in, [number, JSON header, payload ...] out."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import zmq

from daemon.errors import StoreError
from daemon.events.peers import Peer
from daemon.events.rates import RateLimit

logger = logging.getLogger(__name__)

LARGEST_REQUEST = 4096
"""Bytes; a longer frame closes the connection before memory is taken for it."""

ANSWERS_WAITING = 32
"""For each client, each up to 1 MiB: one who does not read loses further ones."""

LINGER_MS = 1000
"""Longest wait for clients when the socket is closed."""

REQUESTS_PER_S = 200
REQUESTS_AT_ONCE = 400
"""Of one client."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Request:
    body: bytes
    """JSON, an object with `ask`."""
    peer: Peer


@dataclass(frozen=True, slots=True)
class Answer:
    header: dict[str, Any]
    payloads: Sequence[bytes] = ()

    @classmethod
    def refusal(cls, error: str, fix: str) -> "Answer":
        return cls({"ok": False, "error": error, "fix": fix})


Reply = Callable[[Answer], None]
"""To be called once, at once or later; never waits."""

Handler = Callable[[Request, Reply], None]


class Ask(msgspec.Struct, frozen=True):
    ask: str


class RequestDesk:
    """Reads requests and hands them to those who answer.

    Args:
        handlers: by `ask`.
        counts: what became of the requests, by name.
    """

    def __init__(self, handlers: Mapping[str, Handler], counts: Counter[str]) -> None:
        self._handlers, self._counts = handlers, counts
        self._limit = RateLimit(REQUESTS_PER_S, REQUESTS_AT_ONCE)

    def serve(self, router: "zmq.Socket[bytes]", identify: Callable[[zmq.Frame], Peer]) -> None:
        """Works on one request, if one has arrived at this ROUTER socket.

        Args:
            identify: tells by a frame who sent it.
        """
        try:
            routing_id, *frames = router.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return
        if len(frames) != 2:  # there is no number to answer to
            self._counts["bad_requests"] += 1
            return
        number, body = (frame.bytes for frame in frames)
        reply = partial(self._send, router, [routing_id.bytes, number])
        peer = identify(frames[-1])
        if self._limit.allows(peer.client):
            self._handle(Request(body, peer), reply)
        else:
            self._counts["hasty_requests"] += 1
            reply(Answer.refusal("too many requests", f"Ask at most {REQUESTS_PER_S} times a second"))

    def _handle(self, request: Request, reply: Reply) -> None:
        self._counts["requests"] += 1
        try:
            ask = msgspec.json.decode(request.body, type=Ask).ask
            handler = self._handlers.get(ask)
            if handler is None:
                asks = ", ".join(sorted(self._handlers))
                return self._refuse(reply, "there is no such request", f"Ask one of {asks}")
            handler(request, reply)
        except UNREADABLE as error:
            fault = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            self._refuse(reply, f"not a request: {fault}", "Read docs/events.md")
        except StoreError as error:
            self._counts["read_failed"] += 1
            logger.warning("request_failed cause='%s'", error)
            reply(Answer.refusal("the event store cannot be read now", "Ask again; the daemon's log says more"))

    def _refuse(self, reply: Reply, error: str, fix: str) -> None:
        self._counts["bad_requests"] += 1
        reply(Answer.refusal(error, fix))

    def _send(self, router: "zmq.Socket[bytes]", envelope: list[bytes], answer: Answer) -> None:
        try:
            router.send_multipart([*envelope, msgspec.json.encode(answer.header), *answer.payloads], zmq.NOBLOCK)
        except zmq.ZMQError:  # full, because the client does not read, or the client is gone
            self._counts["answers_lost"] += 1


def open_router(context: "zmq.Context[zmq.Socket[bytes]]") -> "zmq.Socket[bytes]":
    """Returns a ROUTER socket that takes little memory from anybody and waits for nobody."""
    router: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
    router.set(zmq.MAXMSGSIZE, LARGEST_REQUEST)
    router.set(zmq.SNDHWM, ANSWERS_WAITING)
    router.set(zmq.ROUTER_MANDATORY, 1)  # an answer that cannot be sent is an error, which is counted
    # Not 0: libzmq 4.3.5 aborts if a client goes just when a socket drops an answer of which it has sent a part.
    router.set(zmq.LINGER, LINGER_MS)
    return router
