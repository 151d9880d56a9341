"""Logs of a worker."""

import logging
import sys
from collections.abc import Iterable
from types import TracebackType

from daemon.logs import set_up_logs


def set_up_worker_logging(name: str, secrets: Iterable[str] = ()) -> None:
    """Sends logs, and the traceback of a crash, where the supervisor's own go.

    Args:
        name: the plan's name: `camera-door`, `vision`, `identity`.
        secrets: what must never appear; see daemon/logs/redaction.py.
    """
    set_up_logs(name, secrets=secrets)
    sys.excepthook = _log_crash


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger(__name__).critical("worker_crashed", exc_info=(kind, error, trace))
