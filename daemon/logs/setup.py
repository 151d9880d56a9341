"""How a process of the daemon comes to its log."""

import logging
import os
import sys
from collections.abc import Iterable

from config import LogSettings
from daemon.logs.formats import ConsoleFormatter, JsonFormatter
from daemon.logs.journal import JournalHandler, stderr_is_journal
from daemon.logs.redaction import Redactor
from daemon.logs.repeats import RepeatLimit

VARIABLE = "DECONVID_LOG"
"""Environment variable that tells workers how to log: their tasks are about their work."""


def set_up_logs(worker: str, settings: LogSettings | None = None, secrets: Iterable[str] = ()) -> None:
    """Sends everything that is logged in this process where the settings say; may be called again.

    Args:
        worker: tells the processes apart: `supervisor`, `camera-door`, `vision`.
        settings: how to log; passed on to processes that are started later. None: as the starter of this one said.
        secrets: what must never appear.
    """
    if settings:
        os.environ[VARIABLE] = settings.model_dump_json()
    else:
        settings = LogSettings.model_validate_json(os.environ.get(VARIABLE, "{}"))
    handler = RepeatLimit(_handler(worker, settings, Redactor(secrets)), settings.repeats, settings.repeat_window_s)
    # Python would print a record that cannot be formatted together with its arguments, whatever is in them.
    logging.raiseExceptions = False
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)


def _handler(worker: str, settings: LogSettings, redact: Redactor) -> logging.Handler:
    in_journal = stderr_is_journal(os.environ.get("JOURNAL_STREAM", ""))
    if settings.format == "journal" or (settings.format == "auto" and in_journal):
        return JournalHandler(worker, redact)
    handler = logging.StreamHandler(sys.stderr)
    json = settings.format == "json"
    handler.setFormatter(JsonFormatter(worker, redact) if json else ConsoleFormatter(worker, redact, not in_journal))
    return handler
