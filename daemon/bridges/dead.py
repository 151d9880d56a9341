"""Events that could not be delivered, as lines of a file.

Only their numbers are kept: the event itself stays in the store, where `people erase` and retention reach it.
"""

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from config.rules import Level
from config.whole_files import OWNER_ONLY
from daemon.private_files import make_private_folder

MOST_BYTES = 2 << 20
"""About ten thousand; then the older half goes."""
LONGEST_REASON = 200


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    epoch: str
    sequence: int
    rules: tuple[str, ...]
    level: Level
    reason: str
    given_up_at: str
    """RFC 3339, UTC."""


class DeadLetters:
    """Several processes may use the file at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, letter: DeadLetter) -> int:
        """Returns how many older ones had to go for it. Raises OSError."""
        line = msgspec.json.encode(msgspec.structs.replace(letter, reason=letter.reason[:LONGEST_REASON])) + b"\n"
        with self._locked() as file:
            lines = file.readlines()
            surplus = len(lines) // 2 if file.tell() + len(line) > MOST_BYTES else 0
            if surplus:
                _rewrite(file, lines[surplus:])
            file.write(line)
        return surplus

    def all(self) -> list[DeadLetter]:
        if not self._path.exists():
            return []
        with self._locked() as file:
            return [letter for line in file if (letter := _read(line))]

    def remove(self, delivered: Collection[DeadLetter]) -> None:
        """Raises OSError."""
        gone = {(letter.epoch, letter.sequence) for letter in delivered}
        with self._locked() as file:
            kept = [line for line in file if not (letter := _read(line)) or (letter.epoch, letter.sequence) not in gone]
            _rewrite(file, kept)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        make_private_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        with open(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(descriptor)


def _rewrite(file: BinaryIO, lines: list[bytes]) -> None:
    file.seek(0)
    file.writelines(lines)
    file.truncate()


def _read(line: bytes) -> DeadLetter | None:
    try:
        return msgspec.json.decode(line, type=DeadLetter)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # the end of a line that a full disk cut off
        return None
