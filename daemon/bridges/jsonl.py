"""A file with one JSON object a line, each event in it exactly once."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from config import JsonlSettings
from daemon.bridges.transport import Parcel, UnreachableError
from daemon.private_files import open_or_create
from daemon.rules import Sighting

LOOK_BACK = 8 << 20
"""Bytes at the end of the file that are searched for what was written before a crash: more than one delivery has."""


class _Line(msgspec.Struct, frozen=True):
    id: str = ""


class JsonlLog:
    """A delivery is written whole and synced, then the bridge notes its position.

    After a crash between the two the bridge delivers the same events again; those whose ids are in the last lines are
    left out. A line that was cut off is removed first.
    """

    most_at_once = 500

    def __init__(self, settings: JsonlSettings) -> None:
        self._settings, self._path = settings, settings.path
        self._file = -1
        self._written: set[str] = set()

    def keep_up(self) -> None:
        self._opened()

    def deliver(self, parcels: Sequence[Parcel], seen: Sequence[Sighting]) -> None:
        if not parcels:
            return
        self._opened()
        new = [parcel for parcel in parcels if parcel.id not in self._written]
        if len(new) == len(parcels):
            # Only then is the position noted of everything in the file: what may come again must stay in it.
            self._rotate_if_large()
        self._append(self._file, b"".join(parcel.body + b"\n" for parcel in new))
        # The next delivery comes once this one's position is noted: from then on its ids do not come again.
        self._written = {parcel.id for parcel in parcels}

    def test(self) -> str:
        file = self._opened(mend=False)
        self._append(file, msgspec.json.encode({"version": 1, "test": True}) + b"\n")
        return f"a line was written to {self._path}"

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _append(self, file: int, data: bytes) -> None:
        length = os.fstat(file).st_size
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        except OSError as error:
            os.ftruncate(file, length)
            raise UnreachableError(f"{self._path.name}: {error.strerror}") from error

    def _opened(self, mend: bool = True) -> int:
        """Returns the file; after a start, or if somebody moved it away, it is opened, and mended."""
        try:
            if self._file >= 0 and not self._is_in_place():
                self.close()
            if self._file < 0:
                self._file = open_or_create(self._path, os.O_RDWR | os.O_APPEND)
                if mend:
                    self._mend()
        except OSError as error:
            self.close()
            raise UnreachableError(f"{self._path.name}: {error.strerror}") from error
        return self._file

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _mend(self) -> None:
        size = os.fstat(self._file).st_size
        start = max(0, size - LOOK_BACK)
        tail = os.pread(self._file, size - start, start)
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            os.ftruncate(self._file, start + whole)
        self._written |= {id for line in tail[:whole].splitlines() if (id := _id_of(line))}

    def _rotate_if_large(self) -> None:
        if os.fstat(self._file).st_size < self._settings.rotate_megabytes * 1e6:
            return
        try:
            for number in range(self._settings.keep_files, 0, -1):
                with suppress(FileNotFoundError):
                    self._numbered(number - 1).replace(self._numbered(number))
        except OSError as error:
            raise UnreachableError(f"{self._path.name}: cannot be rotated ({error.strerror})") from error
        self._opened()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


def _id_of(line: bytes) -> str:
    try:
        return msgspec.json.decode(line, type=_Line).id
    except (msgspec.MsgspecError, UnicodeDecodeError):  # a line of somebody else
        return ""
