"""What can go wrong with the identity store, and the one place where foreign errors become ours.

StoreError (daemon.errors)
├── DiskFullError        nothing more can be written
├── StoreBusyError       another process holds it for too long
├── StoreUnusableError   damaged, of a newer program, or no database: waiting does not help
│   ├── MasterKeyError   the master key is missing, or another one
│   └── KeyRingError     the key ring is missing, or of another database
├── UnreadableError      a sealed value that no key opens
├── UnknownPersonError   no such person, or erased meanwhile
├── UnknownTemplateError the person has no such photo
├── LastTemplateError    the person has no other photo
├── UnknownStrangerError no such stranger, or forgotten meanwhile
├── NoLikenessError      a stranger of whom nothing is left that could be compared
├── CrowdChangedError    somebody else changed the strangers meanwhile
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


class MasterKeyError(StoreUnusableError):
    """The master key is missing, is no key, or is not the one with which the store was made."""


class KeyRingError(StoreUnusableError):
    """The key ring is missing, belongs to another database, or was written by a newer program."""


class UnreadableError(StoreError):
    """What is stored of somebody cannot be opened any more."""


class UnknownPersonError(StoreError):
    """No such person."""


class UnknownTemplateError(StoreError):
    """The person has no such template."""


class LastTemplateError(StoreError):
    """The person has no other template."""


class UnknownStrangerError(StoreError):
    """No such stranger."""


class NoLikenessError(StoreError):
    """A stranger of whom nothing is left that could be compared: named, merged, or known to another model only."""


class CrowdChangedError(StoreError):
    """Another process changed the strangers since they were read."""


class NameTakenError(StoreError):
    """The name belongs to another person."""


class InvalidNameError(StoreError):
    """A name that nobody can have."""


DAMAGED = "Stop the daemon, put a backup in its place (docs/privacy.md says how), and keep the damaged file"

FAULTS: tuple[tuple[str, type[StoreError], str, str], ...] = (
    ("FULL", DiskFullError, "the disk is full", "Free space on its file system"),
    ("IOERR_SHMSIZE", DiskFullError, "the disk is full", "Free space on its file system"),
    ("BUSY", StoreBusyError, "it is locked by another process", "Try again; if it stays so, stop what holds it"),
    ("LOCKED", StoreBusyError, "it is locked by another process", "Try again; if it stays so, stop what holds it"),
    ("CORRUPT", StoreUnusableError, "it is damaged", DAMAGED),
    (
        "NOTADB",
        StoreUnusableError,
        "it is not a database",
        "Stop the daemon, put a backup of this file in its place (docs/privacy.md says how), and leave what lies "
        "beside it, such as the key ring, where it is. If it is no file of DeconvID, correct `state`",
    ),
    ("READONLY", StoreError, "it cannot be written", "Give the user of the daemon write permission on file and folder"),
    ("PERM", StoreError, "access is denied", "Give the user of the daemon access to file and folder"),
    ("CANTOPEN", StoreError, "it cannot be opened", "Check that its folder exists and belongs to the daemon's user"),
    ("IOERR", StoreError, "the disk reports an error", "Check the disk; the kernel's log says more"),
)
"""SQLite's primary result code (https://sqlite.org/rescode.html), our type, what happened, the fix."""


@contextmanager
def mapped_errors(path: Path, what: str = "identity store") -> Iterator[None]:
    """Turns what SQLAlchemy, SQLite and the file system raise about this file into a StoreError."""
    try:
        yield
    except DBAPIError as error:
        raise _store_error(f"{what} {path.name}", error.orig) from error
    except sqlite3.Error as error:
        raise _store_error(f"{what} {path.name}", error) from error
    except SQLAlchemyError as error:
        raise StoreError(f"{what} {path.name}: {type(error).__name__}. This is a fault of DeconvID") from error
    except OSError as error:
        kind, fix = StoreError, "Check `state` and its permissions"
        if error.errno == errno.ENOSPC:
            kind, fix = DiskFullError, "Free space on its file system"
        elif isinstance(error, PermissionError):
            fix = "Run this with sudo, or give the daemon's user access to it"
        raise kind(f"{what} {path.name}: {error.strerror}. {fix}") from error


def _store_error(where: str, error: BaseException | None) -> StoreError:
    # Only the code is told: the text may quote the statement's parameters, names and embeddings included.
    code = getattr(error, "sqlite_errorname", "SQLITE_UNKNOWN").removeprefix("SQLITE_")
    for prefix, kind, fault, fix in FAULTS:
        if code.startswith(prefix):
            return kind(f"{where}: {fault}. {fix}")
    return StoreError(f"{where}: SQLite says {code}. This is a fault of DeconvID")
