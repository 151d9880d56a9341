"""Requests to the supervisor, and how to make one.

A ROUTER socket in the runtime folder with mode 0600: whoever can connect is the daemon's own user. One JSON object each
way, `{"command": "pause", "camera": "door", "actor": "local:1000"}` and `{"ok": true, "message": "..."}`. A frame
before the request, such as a number, comes back before its answer.
"""

import logging
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Annotated, Literal, Self

import msgspec
import zmq

from config.errors import DeconvIDError
from daemon.events.sockets import bind_private

logger = logging.getLogger(__name__)

LARGEST_REQUEST = 4096
"""Bytes; libzmq ends the connection of a peer that sends more."""
MOST_AT_ONCE = 16
"""Requests of one round of the supervisor."""
MOST_WAITING_ANSWERS = 16
"""Of one client that does not read."""

ShortText = Annotated[str, msgspec.Meta(max_length=128)]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    command: Literal["status", "reload", "pause", "resume", "name_stranger"]
    camera: ShortText = ""
    """To pause or to resume."""
    actor: ShortText = "local"
    """Who asks, for the audit: `local:UID`, or `key:NAME` of a client."""
    dry_run: bool = False
    """Reload: only tell what would change."""
    stranger: ShortText = ""
    """To name: `unknown-12`."""
    name: ShortText = ""
    unlike: bool = False
    """To name: also as somebody whom the faces do not resemble."""


class Answer(msgspec.Struct, frozen=True):
    ok: bool
    message: str


Later = Callable[[], Answer | None]
"""What becomes of a request that takes its time: asked in each round until it gives the answer."""


class NoAnswerError(DeconvIDError):
    """The supervisor does not answer."""


_request_decoder = msgspec.json.Decoder(Request)
_answer_decoder = msgspec.json.Decoder(Answer)
_encoder = msgspec.json.Encoder()


class ControlSocket:
    """The supervisor's end; a context manager."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str) -> None:
        """Raises EventBusError: the endpoint cannot be bound."""
        self.counts: Counter[str] = Counter()
        """`requests` and `bad_requests`."""
        self._later: list[tuple[list[bytes], Later]] = []
        self._socket: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
        self._socket.set(zmq.MAXMSGSIZE, LARGEST_REQUEST)
        self._socket.set(zmq.SNDHWM, MOST_WAITING_ANSWERS)
        bind_private(self._socket, endpoint)

    @property
    def socket(self) -> "zmq.Socket[bytes]":
        """To be polled."""
        return self._socket

    def serve(self, handle: Callable[[Request], Answer | Later]) -> None:
        """Answers what has arrived. Frames that are no request of ours are counted and not answered."""
        self._later = [waiting for waiting in self._later if not self._settle(*waiting)]
        for _ in range(MOST_AT_ONCE):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if len(frames) not in (2, 3):
                self._note_bad()
                continue
            *envelope, body = frames
            try:
                request = _request_decoder.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                self._note_bad()
                self._answer(envelope, Answer(False, f"not a request: {error}"))
                continue
            self.counts["requests"] += 1
            answer = handle(request)
            if isinstance(answer, Answer):
                self._answer(envelope, answer)
            else:
                self._later.append((envelope, answer))

    def _settle(self, envelope: list[bytes], later: Later) -> bool:
        answer = later()
        if answer:
            self._answer(envelope, answer)
        return answer is not None

    def _answer(self, envelope: list[bytes], answer: Answer) -> None:
        # A ROUTER drops what is for a client that is gone or does not read, and never waits.
        self._socket.send_multipart([*envelope, _encoder.encode(answer)], zmq.NOBLOCK)

    def _note_bad(self) -> None:
        self.counts["bad_requests"] += 1
        if self.counts["bad_requests"] == 1:
            logger.warning("bad_control_request")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close(linger=200)


def ask(endpoint: str, request: Request, timeout_s: float) -> Answer:
    """Asks the supervisor.

    Raises:
        NoAnswerError: it does not answer in time, or there is none.
    """
    with zmq.Context() as context, context.socket(zmq.DEALER) as channel:
        channel.setsockopt(zmq.LINGER, 0)
        channel.connect(endpoint)
        channel.send(_encoder.encode(request))
        if not channel.poll(round(timeout_s * 1000)):
            raise NoAnswerError(
                f"{endpoint.removeprefix('ipc://')}: the daemon does not answer. Does it run with this configuration, "
                "and as this user?"
            )
        return _answer_decoder.decode(channel.recv())
