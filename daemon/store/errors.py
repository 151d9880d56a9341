"""What can go wrong with the identity store, and the one place where foreign errors become ours.

StoreError (daemon.errors)
├── DiskFullError        nothing more can be written
├── StoreBusyError       another process holds it for too long
├── StoreUnusableError   damaged, of a newer program, or no database: waiting does not help
├── UnknownPersonError   no such person, or erased meanwhile
├── NameTakenError       somebody else has that name
└── InvalidNameError     nobody can have that name
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from daemon.errors import StoreError


class DiskFullError(StoreError):
    """The disk is full."""


class StoreBusyError(StoreError):
    """Another process held the store for longer than the busy timeout."""


class StoreUnusableError(StoreError):
    """The file is damaged, was written by a newer program, or is no database: somebody has to act."""


class UnknownPersonError(StoreError):
    """No such person."""


class NameTakenError(StoreError):
    """The name belongs to another person."""


class InvalidNameError(StoreError):
    """A name that nobody can have."""


FAULTS: tuple[tuple[str, type[StoreError], str, str], ...] = (
    ("FULL", DiskFullError, "the disk is full", "Free space on its file system"),
    ("BUSY", StoreBusyError, "it is locked by another process", "Try again; if it stays so, stop what holds it"),
    ("LOCKED", StoreBusyError, "it is locked by another process", "Try again; if it stays so, stop what holds it"),
    ("CORRUPT", StoreUnusableError, "it is damaged", "Restore it from a backup"),
    (
        "NOTADB",
        StoreUnusableError,
        "it is not a database",
        "Move the file away, or correct `state`",
    ),
    ("READONLY", StoreError, "it cannot be written", "Give the user of the daemon write permission on file and folder"),
    ("PERM", StoreError, "access is denied", "Give the user of the daemon access to file and folder"),
    ("CANTOPEN", StoreError, "it cannot be opened", "Check that its folder exists and belongs to the daemon's user"),
    ("IOERR", StoreError, "the disk reports an error", "Check the disk; the kernel's log says more"),
)
"""SQLite's primary result code (https://sqlite.org/rescode.html), our type, what happened, the fix."""


@contextmanager
def mapped_errors(path: Path) -> Iterator[None]:
    """Turns what SQLAlchemy, SQLite and the file system raise about this database into a StoreError."""
    try:
        yield
    except DBAPIError as error:
        raise _store_error(path, error.orig) from error
    except sqlite3.Error as error:
        raise _store_error(path, error) from error
    except SQLAlchemyError as error:
        raise StoreError(f"identity store {path.name}: {type(error).__name__}. This is a fault of DeconvID") from error
    except OSError as error:
        kind = DiskFullError if error.errno == errno.ENOSPC else StoreError
        fix = "Free space on its file system" if kind is DiskFullError else "Check `state` and its permissions"
        raise kind(f"identity store {path.name}: {error.strerror}. {fix}") from error


def _store_error(path: Path, error: BaseException | None) -> StoreError:
    # Only the code is told: the text may quote the statement's parameters, names and embeddings included.
    code = getattr(error, "sqlite_errorname", "SQLITE_UNKNOWN").removeprefix("SQLITE_")
    for prefix, kind, fault, fix in FAULTS:
        if code.startswith(prefix):
            return kind(f"identity store {path.name}: {fault}. {fix}")
    return StoreError(f"identity store {path.name}: SQLite says {code}. This is a fault of DeconvID")
