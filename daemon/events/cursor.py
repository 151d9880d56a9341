"""How far the bus has told, over restarts."""

from pathlib import Path

import msgspec


class Place(msgspec.Struct, frozen=True):
    epoch: str
    sequence: int


class CursorFile:
    """The sequence number of the last event that was told, in a file of the state folder.

    It may lag behind, then events are told again; it is never ahead. Nor is it forced onto the disk each second: what a
    power cut leaves of it, if not all, says nothing, and then the bus goes on with the newest event.
    """

    def __init__(self, path: Path, epoch: str) -> None:
        self._path, self._epoch = path, epoch

    def load(self) -> int | None:
        """Returns None if nothing is known of this database."""
        try:
            place = msgspec.json.decode(self._path.read_bytes(), type=Place)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return place.sequence if place.epoch == self._epoch else None

    def save(self, sequence: int) -> None:
        """Raises OSError."""
        part = self._path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(Place(self._epoch, sequence)))
        part.replace(self._path)
