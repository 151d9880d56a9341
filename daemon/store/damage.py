"""What SQLite finds wrong with the pages of a database."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from daemon.store.database import Database
from daemon.store.errors import DAMAGED, StoreUnusableError

logger = logging.getLogger(__name__)

MOST_FAULTS = 10
START_S = 30.0
"""Longest look at a file when the daemon starts: a damaged one is mostly noticed soon, a large one takes minutes."""


def check_pages(database: Database, within_s: float = START_S) -> bool:
    """Reads through the file; returns whether the time sufficed for all of it.

    Raises:
        StoreUnusableError: it is damaged.
    """
    with database.read() as session:
        connection = session.connection()
        try:
            with _interrupted_every(within_s, connection):
                faults = _faults(connection, "quick_check")
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorname", "") != "SQLITE_INTERRUPT":
                raise
            logger.warning("store_not_read_through within_s=%.0f fix='deconvid store check'", within_s)
            return False
    if faults:
        raise StoreUnusableError(f"identity store {database.path.name}: it is damaged ({faults[0]}). {DAMAGED}")
    return True


def find_damage(database: Database) -> list[str]:
    """Returns some of what is wrong with pages, indices and foreign keys; empty if they are sound."""
    with database.read() as session:
        connection = session.connection()
        loose = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return _faults(connection, "integrity_check") + [f"a row of {table} belongs to nothing" for table, *_ in loose]


def size_bytes(database: Database) -> int:
    """Returns the size of all pages, also of those that are in the log only."""
    with database.read() as session:
        connection = session.connection()
        pages, size = (connection.exec_driver_sql(f"PRAGMA page_{of}").scalar_one() for of in ("count", "size"))
        return int(pages) * int(size)


@contextmanager
def _interrupted_every(seconds: float, connection: Connection) -> Iterator[None]:
    """More than once: to interrupt before the query begins has no effect."""
    driver, done = connection.connection.driver_connection, threading.Event()
    assert isinstance(driver, sqlite3.Connection)

    def interrupt() -> None:
        while not done.wait(seconds):
            driver.interrupt()

    thread = threading.Thread(target=interrupt, name="interrupt", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _faults(connection: Connection, pragma: str) -> list[str]:
    found = connection.exec_driver_sql(f"PRAGMA {pragma}({MOST_FAULTS})").scalars().all()
    return [] if found == ["ok"] else [" ".join(fault.split()) for fault in found]
