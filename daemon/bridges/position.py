"""How far a bridge has come, in a file of its own.

Not in the store: a bridge would take the write lock, and wait for the disk, with every delivery, and the identity
worker would wait for it.
"""

import logging
from pathlib import Path

import msgspec

from daemon.private_files import make_private_folder, replace_private
from daemon.rules import States

logger = logging.getLogger(__name__)


class Position(msgspec.Struct, frozen=True):
    epoch: str
    sequence: int
    """Of the last event that was dealt with."""
    states: States = {}
    """What the rules remember after it."""


class PositionFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Position | None:
        """Returns None if there is none that can be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Position)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            logger.error("bridge_position_unreadable cause=%s", type(error).__name__)
            return None

    def save(self, position: Position) -> None:
        """Raises OSError."""
        make_private_folder(self._path.parent)
        replace_private(self._path, msgspec.json.encode(position))
