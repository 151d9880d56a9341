"""Systemd's journal in its own protocol, so that `journalctl DECONVID_CAMERA=door PRIORITY=4` finds something.

One datagram a record: `KEY=value` lines, or for a value of several lines the key, its length and the value
(https://systemd.io/JOURNAL_NATIVE_PROTOCOL).
"""

import logging
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from daemon.logs.fields import event_of, fields_of, logger_of
from daemon.logs.redaction import Redactor

SOCKET = Path("/run/systemd/journal/socket")
LONGEST_VALUE = 32_768
"""Characters; what is longer is cut, for a datagram has an end."""
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


def stderr_is_journal(journal_stream: str, stderr: int = 2) -> bool:
    """Whether `$JOURNAL_STREAM` names what stderr is; it is inherited by processes whose stderr is another."""
    try:
        found = os.fstat(stderr)
    except OSError:
        return False
    return journal_stream == f"{found.st_dev}:{found.st_ino}"


class JournalHandler(logging.Handler):
    """Sends records to the journal; where it does not listen, to stderr with the priority before each line.

    Args:
        worker: tells the processes apart.
        redact: hides secrets.
        path: the journal's socket.
    """

    def __init__(self, worker: str, redact: Redactor, path: Path = SOCKET) -> None:
        super().__init__()
        self._worker, self._redact, self._path = worker, redact, str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = self._fields(record)
            try:
                self._socket.sendto(encode(fields), self._path)
            except OSError:
                lines = fields["MESSAGE"].splitlines()
                sys.stderr.write("".join(f"<{fields['PRIORITY']}>{line}\n" for line in lines))
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self._socket.close()
        super().close()

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        fields = {
            "MESSAGE": message,
            "PRIORITY": str(priority_of(record.levelno)),
            "SYSLOG_IDENTIFIER": "deconvid",
            "CODE_FILE": record.pathname,
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName or "",
            "DECONVID_WORKER": self._worker,
            "DECONVID_LOGGER": logger_of(record),
            "DECONVID_EVENT": event_of(record),
        }
        own = {f"DECONVID_{key.upper()}": value for key, value in fields_of(record).items()}
        return {key: self._redact(value) for key, value in (own | fields).items()}


def encode(fields: Mapping[str, str]) -> bytes:
    return b"".join(
        _encode(key.encode(), value[:LONGEST_VALUE].encode(errors="replace")) for key, value in fields.items()
    )


def _encode(key: bytes, value: bytes) -> bytes:
    if b"\n" in value:
        return key + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return key + b"=" + value + b"\n"


def priority_of(level: int) -> int:
    """Returns syslog's number for a level of logging: 7 is debug."""
    return next((priority for least, priority in PRIORITIES if level >= least), 7)
