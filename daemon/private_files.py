"""Files that hold secrets: mode 0600, whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from config.whole_files import OWNER_ONLY, replacing


def make_private_folder(folder: Path) -> None:
    """Makes a folder, mode 0700, and those above it. Raises OSError."""
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        give_to_owner_of(folder.parent, folder)


def replace_private(path: Path, data: bytes) -> None:
    """Writes a file so that a reader sees the old one or the new one. Raises OSError."""
    with replacing_private(path) as file:
        file.write(data)


@contextmanager
def replacing_private(path: Path) -> Iterator[BinaryIO]:
    """Gives a new file that takes the path's place when the block ends, and never if it fails. Raises OSError."""
    with replacing(path, OWNER_ONLY) as file:
        yield file
        give_to_owner_of(path.parent, file.fileno())


def create_private(path: Path, data: bytes) -> None:
    """Writes a new file; nothing stays behind if that fails.

    Raises:
        FileExistsError: there is something of that name already; it is left as it is.
        OSError: it cannot be written.
    """
    descriptor = _open_private(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def open_or_create(path: Path, flags: int) -> int:
    """Returns a descriptor of a file, which is made if there is none. Raises OSError.

    Args:
        path: of the file.
        flags: of `os.open`.
    """
    flags |= os.O_CREAT | os.O_CLOEXEC
    try:
        descriptor = _open_private(str(path), flags | os.O_EXCL)
    except FileExistsError:
        return _open_private(str(path), flags)
    try:
        give_to_owner_of(path.parent, descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, OWNER_ONLY)


def give_to_owner_of(folder: Path, made: Path | int) -> None:
    """What root makes for a service (`sudo deconvid keys new`), the service has to read.

    Args:
        folder: of the service.
        made: a path in it, or a descriptor.
    """
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(made, owner.st_uid, owner.st_gid)
