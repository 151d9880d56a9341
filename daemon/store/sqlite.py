"""The store in one SQLite file: how it is opened, examined and cleaned."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPICursor

from config.whole_files import OWNER_ONLY
from daemon.private_files import make_private_folder, open_or_create
from daemon.store import damage
from daemon.store.backup import back_up
from daemon.store.database import Database
from daemon.store.errors import StoreBusyError, StoreUnusableError, mapped_errors
from daemon.store.migrate import migrate
from daemon.store.vault import Vault


class SqliteDatabase(Database):
    """Sessions on one SQLite file in WAL mode. Several processes may have it open; one writes at a time."""

    def __init__(self, path: Path, engine: Engine, busy_timeout_s: float) -> None:
        super().__init__(path, f"identity store {path.name}", engine, engine.execution_options(begin="IMMEDIATE"))
        self._busy_timeout_s = busy_timeout_s
        self._inode = path.stat().st_ino

    @classmethod
    def open(cls, path: Path, vault: Vault, busy_timeout_s: float = 5.0) -> "SqliteDatabase":
        """Returns the database, made or migrated to this program's schema if need be.

        Args:
            path: of the file.
            vault: seals what an older program stored in the clear.
            busy_timeout_s: longest wait for another process that writes.

        Raises:
            StoreUnusableError: it is damaged, newer than this program, or no database.
            StoreBusyError: another process held it for longer than the busy timeout.
            StoreError: it cannot be opened.
        """
        with mapped_errors(path):
            _create_private(path)
            engine = _make_engine(path, busy_timeout_s, read_only=False)
            database = cls(path, engine, busy_timeout_s)
            try:
                with database._writer.begin() as connection:
                    migrate(connection, database.name, vault)
            except BaseException:
                engine.dispose()
                raise
        return database

    @classmethod
    def open_to_read(cls, path: Path, busy_timeout_s: float = 5.0) -> "SqliteDatabase":
        """Returns a database that another process has made and migrated; nothing can be written through it.

        Raises:
            StoreError: there is none.
        """
        with mapped_errors(path):
            return cls(path, _make_engine(path, busy_timeout_s, read_only=True), busy_timeout_s)

    def check_in_place(self) -> None:
        try:
            in_place = self.path.stat().st_ino == self._inode
        except OSError:
            in_place = False
        if not in_place:
            raise StoreUnusableError(f"{self.name}: was deleted or replaced while in use. Put it back and start again")

    def check_pages(self) -> None:
        damage.check_pages(self)

    def find_damage(self) -> list[str]:
        return damage.find_damage(self)

    def scrub(self) -> None:
        # Rows are already overwritten with zeros (secure_delete). The log still holds them: the first checkpoint
        # empties it, VACUUM rewrites the file (through the log), the second one empties the log again.
        with self._mapped_errors(), closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            self._empty_log(cursor)
            with _temporary_files_in(self.path.parent, cursor):
                cursor.execute("VACUUM")
            self._empty_log(cursor)

    def _empty_log(self, cursor: DBAPICursor) -> None:
        deadline = time.monotonic() + self._busy_timeout_s
        while cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:  # 1 = a reader still needs the log
            if time.monotonic() > deadline:
                fault = f"{self.name}: another process reads it, so its log could not be emptied"
                raise StoreBusyError(f"{fault}. Whoever opens the store next tries again; `deconvid people list` does")
            time.sleep(0.02)

    def size_bytes(self) -> int:
        return damage.size_bytes(self)

    def back_up(self, target: Path) -> int:
        return back_up(self.path, target)

    def _mapped_errors(self) -> AbstractContextManager[None]:
        return mapped_errors(self.path)


@contextmanager
def _temporary_files_in(folder: Path, cursor: DBAPICursor) -> Iterator[None]:
    """Has VACUUM make its copy in a file beside the database: the memory that the daemon may use can be too small.

    SQLite makes the file for its owner only, and deletes its name at once: it is gone with the process. What is sealed
    in the database is sealed in it too.
    """
    place = str(folder.absolute())
    quoted = place.replace("'", "''")
    # Deprecated, but SQLITE_TMPDIR is read when Python loads SQLite, before anybody knows the folder.
    cursor.execute(f"PRAGMA temp_store_directory = '{quoted}'")
    if cursor.execute("PRAGMA temp_store_directory").fetchone() != (place,):
        yield  # an SQLite that does not have it any more: rather in memory than in /tmp
        return
    try:
        cursor.execute("PRAGMA temp_store = FILE")
        yield
    finally:
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute("PRAGMA temp_store_directory = ''")


def _create_private(path: Path) -> None:
    """Makes the file for its owner only; SQLite gives its log the same mode and owner."""
    make_private_folder(path.parent)
    descriptor = open_or_create(path, os.O_RDWR)
    try:
        os.fchmod(descriptor, OWNER_ONLY)
    finally:
        os.close(descriptor)


def _make_engine(path: Path, busy_timeout_s: float, read_only: bool) -> Engine:
    # hide_parameters: an embedding or a name must not get into the text of an exception.
    engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # BEGIN is ours: Python's sqlite3 would delay it and exclude DDL
        connection.execute(f"PRAGMA busy_timeout = {int(busy_timeout_s * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a sequence number once published survives a power cut
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")  # what a query sorts would lie in /tmp
        connection.execute(f"PRAGMA query_only = {int(read_only)}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")

    return engine
