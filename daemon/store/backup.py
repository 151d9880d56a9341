"""Copies of the database and of its key ring, made while others read and write."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from config.whole_files import OWNER_ONLY
from daemon.errors import StoreError
from daemon.private_files import give_to_owner_of
from daemon.store.errors import StoreUnusableError, mapped_errors


def back_up(source: Path, target: Path) -> int:
    """Copies a database as of this moment; returns the copy's bytes.

    The copy is checked before it gets its name, and is one file: no log belongs to it.

    Args:
        source: of an SQLite database.
        target: a file that does not exist yet.

    Raises:
        StoreError: nothing was left behind.
    """
    if target.exists():
        raise StoreError(
            f"{target.name}: exists already, and may be a backup that is still needed. Choose another name"
        )
    _copy(source, target, "backup")
    return target.stat().st_size


def copy_key_ring(source: Path, target: Path) -> None:
    """Replaces the copy of a key ring: an older one would open what was erased since. Raises StoreError."""
    _copy(source, target, "copy of the key ring")


def _copy(source: Path, target: Path, what: str) -> None:
    part = target.with_name(f".{target.name}.part")
    with mapped_errors(target, what):
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, OWNER_ONLY))
        try:
            # One step: writers go on beside it, and it never starts anew.
            with (
                closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as ours,
                closing(sqlite3.connect(part)) as copy,
            ):
                ours.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                [found] = copy.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                fault = f"identity store {source.name}: it is damaged ({' '.join(found.split())})"
                raise StoreUnusableError(f"{fault}. The backup was not kept; `deconvid store check` tells more")
            _keep(part, target)
        finally:
            part.unlink(missing_ok=True)


def _keep(part: Path, target: Path) -> None:
    """Gives the copy its name once it is on the disk."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    give_to_owner_of(target.parent, part)
    part.replace(target)
