"""Commands from the bus to the supervisor: who may give them, and that they are on record."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import zmq

from daemon.events.allow_list import AllowList
from daemon.events.peers import Peer
from daemon.events.rates import RateLimit
from daemon.events.requests import Answer, Reply, Request
from daemon.messages import Notice, encode
from daemon.operations.control import Request as Order

logger = logging.getLogger(__name__)

MOST_PENDING = 32
PATIENCE_S = 15.0
"""Longest wait for the supervisor's answer."""
AUDITS_PER_S = 0.2
AUDITS_AT_ONCE = 20
"""Of refused commands, for each client: a refusal must not be a way to fill the store."""
LARGEST_ANSWER = 1024 * 1024

CameraName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}\Z")]
StrangerLabel = Annotated[str, msgspec.Meta(pattern=r"^unknown-[0-9]{1,18}\Z")]
PersonName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ask: Literal["control"]
    command: Literal["reload", "pause", "resume", "status", "name_stranger"]
    camera: CameraName | None = None
    """Which one to pause or resume."""
    dry_run: bool = False
    """Reload: only tell what would change."""
    stranger: StrangerLabel | None = None
    """Whom to name."""
    name: PersonName | None = None
    """Of the person, new or enrolled."""
    unlike: bool = False
    """Also as somebody whom the faces do not resemble."""


@dataclass(frozen=True, slots=True)
class Pending:
    reply: Reply
    overdue_s: float


class ControlDesk:
    """The handler of `control`. `tend` it in every round; nothing here waits.

    Args:
        control: endpoint of the supervisor.
        observations: endpoint of the identity worker, which puts refused commands on record. The supervisor does that
            for those that it gets.
        allow_list: says whose key is an operator's; None: nobody has a key.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        *,
        control: str,
        observations: str,
        allow_list: AllowList | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._allow_list, self._clock = allow_list, clock
        self._pending: dict[bytes, Pending] = {}
        self._number = 0
        self._audits = RateLimit(AUDITS_PER_S, AUDITS_AT_ONCE, clock=clock)
        self.socket = context.socket(zmq.DEALER)
        # A command is for the supervisor that runs now, not for the one that comes up in ten minutes.
        self.socket.set(zmq.IMMEDIATE, 1)
        self.socket.set(zmq.LINGER, 0)
        self.socket.set(zmq.MAXMSGSIZE, LARGEST_ANSWER)
        self.socket.connect(control)
        self._notices = context.socket(zmq.PUSH)
        self._notices.set(zmq.LINGER, 0)
        self._notices.connect(observations)

    def handle(self, request: Request, reply: Reply) -> None:
        """Raises msgspec.MsgspecError: it is no command."""
        command = msgspec.json.decode(request.body, type=Command)
        if fault := self._fault(request.peer):
            self.counts["control_refused"] += 1
            self._audit(command, request.peer)
            reply(fault)
        elif len(self._pending) >= MOST_PENDING:
            reply(Answer.refusal("too many commands are waiting", "Wait for the answers to the others"))
        else:
            self._forward(command, request.peer, reply)

    def tend(self) -> None:
        """Hands on the answers that have come, and gives up on the overdue ones."""
        while self.socket.poll(0):
            self._take_answer(self.socket.recv_multipart())
        now_s = self._clock()
        for number in [number for number, pending in self._pending.items() if pending.overdue_s <= now_s]:
            self._pending.pop(number).reply(
                Answer.refusal("the supervisor has not answered; the command may still take effect", "Ask for `status`")
            )

    def close(self) -> None:
        self.socket.close()
        self._notices.close()

    def _fault(self, peer: Peer) -> Answer | None:
        if peer.is_local:
            return None
        if self._allow_list is None or peer.key is None:
            return Answer.refusal("nobody may control without a key", 'Set events.network.encryption to "curve"')
        if not self._allow_list.may_control(peer.key):
            return Answer.refusal("this key may listen, not control", "Have one made with --role operator")
        return None

    def _forward(self, command: Command, peer: Peer, reply: Reply) -> None:
        self._number += 1
        number = str(self._number).encode()
        # The actor is ours to say: the client's word on it would have been refused as an unknown field.
        order = Order(
            command=command.command,
            camera=command.camera or "",
            actor=peer.actor,
            dry_run=command.dry_run,
            stranger=command.stranger or "",
            name=command.name or "",
            unlike=command.unlike,
        )
        try:
            self.socket.send_multipart([number, msgspec.json.encode(order)], zmq.NOBLOCK)
        except zmq.Again:
            return reply(Answer.refusal("the supervisor cannot be reached", "Try again in some seconds"))
        self.counts["control_forwarded"] += 1
        self._pending[number] = Pending(reply, self._clock() + PATIENCE_S)

    def _take_answer(self, frames: list[bytes]) -> None:
        pending = self._pending.pop(frames[0], None)
        if pending is None:  # it came too late
            return
        try:
            pending.reply(Answer(msgspec.json.decode(frames[-1], type=dict[str, Any])))
        except msgspec.MsgspecError:
            pending.reply(Answer.refusal("the supervisor's answer cannot be understood", "Restart the daemon"))

    def _audit(self, command: Command, peer: Peer) -> None:
        logger.warning("control_refused command=%s actor=%s", command.command, peer.actor)
        if not self._audits.allows(peer.client):
            return
        subject = " ".join(filter(None, (command.command, command.camera, command.stranger)))
        notice = Notice("daemon.control", subject, "refused", peer.actor, time.time_ns())
        try:
            self._notices.send(encode(notice), zmq.NOBLOCK)
        except zmq.Again:
            self.counts["audits_lost"] += 1
