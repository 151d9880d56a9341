"""Where the workers' reports arrive."""

import logging
from collections import Counter
from types import TracebackType
from typing import Self

import msgspec
import zmq

from daemon.events.sockets import bind_private
from daemon.messages import WorkerReport, decode_report

logger = logging.getLogger(__name__)

LARGEST_REPORT = 256 * 1024
"""Bytes; one of a vision worker with a hundred cameras has some 30 KB."""
MOST_AT_ONCE = 256
"""Reports of one round: whoever floods us keeps nobody else waiting."""


class Reports:
    """The newest report of each worker; a context manager, which closes its socket."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str) -> None:
        """Raises EventBusError: the endpoint cannot be bound."""
        self.counts: Counter[str] = Counter()
        """`bad_reports`."""
        self._newest: dict[str, WorkerReport] = {}
        self._socket: zmq.Socket[bytes] = context.socket(zmq.PULL)
        self._socket.set(zmq.MAXMSGSIZE, LARGEST_REPORT)
        bind_private(self._socket, endpoint)

    @property
    def socket(self) -> "zmq.Socket[bytes]":
        """To be polled."""
        return self._socket

    def of(self, worker: str) -> WorkerReport:
        """Returns an empty one for a worker that has not reported."""
        return self._newest.get(worker) or WorkerReport(worker)

    def forget(self, worker: str) -> None:
        """What a dead worker counted does not hold for its successor."""
        self._newest.pop(worker, None)

    def receive(self, known: set[str]) -> None:
        """Takes what has arrived from workers that are known; the rest is counted as bad."""
        for _ in range(MOST_AT_ONCE):
            try:
                data = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                report = decode_report(data)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self._note_bad(len(data))
                continue
            if report.worker in known:
                self._newest[report.worker] = report
            else:
                self._note_bad(len(data))

    def _note_bad(self, length: int) -> None:
        self.counts["bad_reports"] += 1
        if self.counts["bad_reports"] == 1:
            logger.warning("bad_report bytes=%d", length)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close(linger=0)
