"""How a process of the daemon comes to its log."""

import logging
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from daemon.logs.formats import ConsoleFormatter, JsonFormatter
from daemon.logs.journal import JournalHandler, stderr_is_journal
from daemon.logs.redaction import Redactor
from daemon.logs.repeats import RepeatLimit

if TYPE_CHECKING:
    from config import LogSettings

VARIABLE = "DECONVID_LOG"
"""Environment variable that tells workers how to log: their tasks are about their work."""


class HowToLog(msgspec.Struct, frozen=True):
    """What `LogSettings` say, and their defaults, without pydantic: a camera's worker has no other use for that."""

    level: str = "info"
    format: str = "auto"
    repeats: int = 20
    repeat_window_s: float = 60.0


def set_up_logs(worker: str, settings: "LogSettings | None" = None, secrets: Iterable[str] = ()) -> None:
    """Sends everything that is logged in this process where the settings say; may be called again.

    Args:
        worker: tells the processes apart: `supervisor`, `camera-door`, `vision`.
        settings: how to log; passed on to processes that are started later. None: as the starter of this one said.
        secrets: what must never appear.
    """
    if settings:
        os.environ[VARIABLE] = settings.model_dump_json()
    how = msgspec.json.decode(os.environ.get(VARIABLE, "{}"), type=HowToLog)
    handler = RepeatLimit(_handler(worker, how, Redactor(secrets)), how.repeats, how.repeat_window_s)
    # Python would print a record that cannot be formatted together with its arguments, whatever is in them.
    logging.raiseExceptions = False
    logging.basicConfig(level=how.level.upper(), handlers=[handler], force=True)


def _handler(worker: str, how: HowToLog, redact: Redactor) -> logging.Handler:
    in_journal = stderr_is_journal(os.environ.get("JOURNAL_STREAM", ""))
    if how.format == "journal" or (how.format == "auto" and in_journal):
        return JournalHandler(worker, redact)
    handler = logging.StreamHandler(sys.stderr)
    json = how.format == "json"
    handler.setFormatter(JsonFormatter(worker, redact) if json else ConsoleFormatter(worker, redact, not in_journal))
    return handler
