"""How a record is written: a line for people, an object for machines."""

import json
import logging
import re
from datetime import UTC, datetime

from daemon.logs.fields import event_of, fields_of, logger_of
from daemon.logs.redaction import Redactor

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What would end a line or steer a terminal."""


class ConsoleFormatter(logging.Formatter):
    """`2026-01-31 12:00:00,123 I vision daemon.workers.vision: crops seen=3`; a traceback follows on lines of its own.

    Args:
        worker: tells the processes apart.
        redact: hides secrets, in tracebacks too.
        stamped: whether the time is in it; the journal has its own.
    """

    def __init__(self, worker: str, redact: Redactor, stamped: bool = True) -> None:
        super().__init__(f"{'%(asctime)s ' if stamped else ''}%(levelname).1s {worker} %(source)s: %(message)s")
        self._redact = redact

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.source = logger_of(record)
        record.message = escaped(self._redact(record.message))
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One object a line, with the fields of the message apart."""

    def __init__(self, worker: str, redact: Redactor) -> None:
        super().__init__()
        self._worker, self._redact = worker, redact

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "worker": self._worker,
            "logger": logger_of(record),
            "event": event_of(record),
            "message": self._redact(record.getMessage()),
            "fields": {key: self._redact(value) for key, value in fields_of(record).items()},
        }
        if record.exc_info:
            said["exception"] = self._redact(self.formatException(record.exc_info))
        return json.dumps(said)


def escaped(text: str) -> str:
    """Returns the text in one line that steers no terminal: what a camera says of itself may be in it."""
    return CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
