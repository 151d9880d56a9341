"""Logs of a worker: to stderr, where the supervisor's own go."""

import logging
import os
import sys
from types import TracebackType

from daemon.streams.redaction import redact


class RedactingFormatter(logging.Formatter):
    """The last line of defence: hides the credentials of an address in whatever is logged, tracebacks included."""

    def __init__(self, pattern: str, address: str) -> None:
        super().__init__(pattern)
        self._address = address

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._address)


def set_up_worker_logging(name: str, level: int = logging.INFO, address: str = "") -> None:
    """Sends logs, and the traceback of a crash, to stderr.

    Args:
        name: tells the workers apart: `camera/door`, `vision`, `identity`.
        level: the least level that is logged.
        address: what the worker opens; its credentials never appear.
    """
    stamp = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s "
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(f"{stamp}%(levelname).1s {name} %(name)s: %(message)s", address))
    logging.basicConfig(level=level, handlers=[handler])
    sys.excepthook = _log_crash


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger(__name__).critical("worker_crashed", exc_info=(kind, error, trace))
