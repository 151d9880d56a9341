"""Files that are replaced whole: a reader sees the old one or the new one, whatever dies in between."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

OWNER_ONLY, READABLE = 0o600, 0o644
"""Permissions: of what holds secrets, and of what others read."""


@contextmanager
def replacing(path: Path, mode: int) -> Iterator[BinaryIO]:
    """Gives a new file that takes the path's place once it is on the disk, and never if the block fails.

    Args:
        path: of the file; its folder is there.
        mode: its permissions, whatever the process's mask is.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as file:
            if mode & ~os.fstat(descriptor).st_mode:  # not where the mount says whose files are, and fixes it
                os.fchmod(descriptor, mode)
            yield file
            file.flush()
            os.fsync(descriptor)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
