"""The key ring: the wrapped key of each subject, in a file of its own, so that no copy of the database has it in it.

It is written on its own, by one rule (see docs/privacy.md): a key is on the disk before the first row that it seals,
and is destroyed after the last one is gone.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from config.whole_files import OWNER_ONLY
from daemon.private_files import give_to_owner_of
from daemon.store.errors import KeyRingError, mapped_errors

FILE_NAME = "keyring.sqlite"
"""Beside the database."""

VERSION = 1
BUSY_TIMEOUT_S = 5.0
AT_ONCE = 500
"""Subjects in one query: SQLite knows 32,766 parameters, older ones 999."""

TABLES = """
CREATE TABLE ring (id TEXT NOT NULL, proof BLOB NOT NULL);
CREATE TABLE keys (subject TEXT PRIMARY KEY, wrapped BLOB, destroyed_at INTEGER) WITHOUT ROWID;
"""
"""`proof`: something that only the right master key opens. `wrapped`: NULL once it was destroyed."""


class KeyRing:
    """Opens its file for each operation: the newest state counts, whichever process wrote it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, prove: Callable[[str], bytes]) -> None:
        """Makes the file if there is none.

        Args:
            prove: returns what to keep as proof, given the ring's id.
        """
        with mapped_errors(self.path, "key ring"):
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, OWNER_ONLY)
            os.close(descriptor)
            give_to_owner_of(self.path.parent, self.path)
        with self._connect() as connection:
            if not self._version(connection):
                id = uuid4().hex
                for statement in filter(str.strip, TABLES.split(";")):
                    connection.execute(statement)
                connection.execute("INSERT INTO ring VALUES (?, ?)", (id, prove(id)))
                connection.execute(f"PRAGMA user_version = {VERSION}")

    def is_used(self) -> bool:
        """Whether there is a ring in which there ever was a key."""
        if not self.path.exists():
            return False
        with self._connect() as connection:
            return bool(self._version(connection) and connection.execute("SELECT 1 FROM keys LIMIT 1").fetchone())

    def facts(self) -> tuple[str, bytes]:
        """Returns the ring's id and its proof.

        Raises:
            KeyRingError: there is no ring, or one of a newer program.
        """
        with self._opened() as connection:
            id, proof = connection.execute("SELECT id, proof FROM ring").fetchone()
            return id, proof

    def keys(self, subjects: Collection[str], proof: bytes) -> dict[str, bytes]:
        """Returns the wrapped keys of those subjects that have one.

        Args:
            proof: the ring's, as of the master key that is to open them.

        Raises:
            KeyRingError: they were wrapped anew meanwhile.
        """
        wanted = sorted(subjects)  # neighbours lie on one page
        with self._opened() as connection:
            self._check_proof(connection, proof)
            return {
                subject: wrapped
                for start in range(0, len(wanted), AT_ONCE)
                for subject, wrapped in _select(connection, wanted[start : start + AT_ONCE])
            }

    def add(self, keys: Iterable[tuple[str, bytes]], proof: bytes) -> None:
        """Adds the wrapped keys of subjects; one that has a key already keeps it. On the disk when it returns.

        Args:
            proof: the ring's, as of the master key that wrapped them.

        Raises:
            KeyRingError: the others were wrapped anew meanwhile.
        """
        statement = (
            "INSERT INTO keys VALUES (?, ?, NULL) ON CONFLICT DO UPDATE "
            "SET wrapped = excluded.wrapped, destroyed_at = NULL WHERE wrapped IS NULL"
        )
        with self._opened() as connection:
            self._check_proof(connection, proof)
            connection.executemany(statement, keys)

    def rewrap(self, anew: Callable[[str, bytes], bytes], proof: bytes, new_proof: bytes) -> int:
        """Replaces the proof and every wrapped key, all of them or, on error or `kill -9`, none; returns how many.

        Args:
            anew: returns a subject's key wrapped anew, given subject and wrapped key.
            proof: the ring's so far.
            new_proof: from now on.

        Raises:
            KeyRingError: the keys were wrapped anew by somebody else meanwhile.
        """
        with self._opened() as connection:
            self._check_proof(connection, proof)
            held = connection.execute("SELECT subject, wrapped FROM keys WHERE wrapped IS NOT NULL").fetchall()
            rows = ((anew(subject, wrapped), subject) for subject, wrapped in held)
            connection.executemany("UPDATE keys SET wrapped = ? WHERE subject = ?", rows)
            connection.execute("UPDATE ring SET proof = ?", (new_proof,))
            return len(held)

    def destroy(self, subjects: Iterable[str]) -> None:
        """Overwrites the keys of subjects, and remembers that they were destroyed."""
        now = time.time_ns() // 1000
        statement = (
            "INSERT INTO keys VALUES (?, NULL, ?) ON CONFLICT DO UPDATE "
            "SET wrapped = NULL, destroyed_at = excluded.destroyed_at WHERE wrapped IS NOT NULL"
        )
        with self._opened() as connection:
            connection.executemany(statement, ((subject, now) for subject in subjects))

    def held(self) -> set[str]:
        """Returns the subjects that have a key."""
        with self._opened() as connection:
            return {subject for (subject,) in connection.execute("SELECT subject FROM keys WHERE wrapped IS NOT NULL")}

    def destroyed(self) -> set[str]:
        """Returns the subjects whose key was destroyed."""
        with self._opened() as connection:
            return {subject for (subject,) in connection.execute("SELECT subject FROM keys WHERE wrapped IS NULL")}

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A transaction on a ring that must exist."""
        if not self.path.exists():
            raise KeyRingError(self._missing())
        with self._connect() as connection:
            if not self._version(connection):
                raise KeyRingError(self._missing())
            yield connection

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        with mapped_errors(self.path, "key ring"):
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            try:
                # No WAL: a destroyed key would stay in it. The rollback journal ends with the transaction.
                connection.execute("PRAGMA journal_mode = DELETE")
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()  # rolls back what was not committed

    def _check_proof(self, connection: sqlite3.Connection, proof: bytes) -> None:
        if connection.execute("SELECT proof FROM ring").fetchone() != (proof,):
            fix = "Try again with the new one"
            raise KeyRingError(f"key ring {self.path.name}: its master key was exchanged meanwhile. {fix}")

    def _version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            fix = "Install that version again"
            raise KeyRingError(f"key ring {self.path.name}: written by a newer DeconvID (version {version}). {fix}")
        return version

    def _missing(self) -> str:
        return (
            f"key ring {self.path.name}: is missing beside the database. Put back your newest copy of it: without it "
            "no template can be read, and nothing was changed"
        )


def _select(connection: sqlite3.Connection, subjects: list[str]) -> Iterator[tuple[str, bytes]]:
    marks = ", ".join("?" * len(subjects))
    query = f"SELECT subject, wrapped FROM keys WHERE wrapped IS NOT NULL AND subject IN ({marks})"
    return iter(connection.execute(query, subjects))
