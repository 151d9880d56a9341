"""Files that hold secrets: mode 0600, whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

OWNER_ONLY = 0o600


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
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        create_private(part, data)
        give_to_owner_of(path.parent, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def create_private(path: Path, data: bytes) -> None:
    """Writes a new file; nothing stays behind if that fails.

    Raises:
        FileExistsError: there is something of that name already; it is left as it is.
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def give_to_owner_of(folder: Path, path: Path) -> None:
    """What root makes for a service (`sudo deconvid keys new`), the service has to read."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid)
