"""The store in a PostgreSQL database, for those who have one anyway. Key ring and pictures stay in the state folder."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from daemon.errors import StoreError
from daemon.store.database import Database
from daemon.store.errors import DiskFullError, StoreBusyError, StoreUnusableError, mapped_errors
from daemon.store.keyring import FILE_NAME as KEY_RING
from daemon.store.migrate import migrate
from daemon.store.schema import Base
from daemon.store.vault import Vault

WRITE_LOCK = 0x_DEC0_17D
"""Advisory lock of whoever writes, so that sequence numbers are given one after the other, as under SQLite's."""
CONNECT_S = 10

LOCKED = "Try again; if it stays so, stop what holds it"
FAULTS: tuple[tuple[str, type[StoreError], str, str], ...] = (
    ("53100", DiskFullError, "the server's disk is full", "Free space there"),
    ("55P03", StoreBusyError, "it is locked by another session", LOCKED),
    ("40", StoreBusyError, "another session was in the way", LOCKED),
    ("42P01", StoreError, "has no tables of DeconvID", "Start the daemon once, which makes them"),
    ("42501", StoreUnusableError, "this user may not do that there", "Make the user the owner of the database"),
    ("25006", StoreError, "it can only be read", "Name the primary server, not a standby"),
)
"""Beginning of the SQLSTATE (PostgreSQL's appendix A), our type, what happened, the fix."""
WHY_REFUSED = re.compile(r"FATAL:\s+(.+)")
"""What the server says of a connection that it does not take, without a password; there is no SQLSTATE then."""


class PostgresDatabase(Database):
    def __init__(self, path: Path, engine: Engine) -> None:
        super().__init__(
            path,
            f"identity store {engine.url.database} on PostgreSQL",
            # One state for all queries of a session that reads; one that writes must see what it waited for.
            engine.execution_options(isolation_level="REPEATABLE READ"),
            engine.execution_options(isolation_level="READ COMMITTED", takes_lock=True),
        )

    @classmethod
    def open(cls, path: Path, url: str, vault: Vault, busy_timeout_s: float = 5.0) -> "PostgresDatabase":
        """Returns the database, its tables made or migrated if need be.

        Args:
            path: where the SQLite file would be.
            url: `postgresql+psycopg://USER:PASSWORD@HOST/NAME`; the database itself must exist.
            vault: made with new tables.
            busy_timeout_s: longest wait for another session that writes.

        Raises:
            StoreUnusableError: it is newer than this program, or this user may not use it.
            StoreBusyError: another session held it for longer than the busy timeout.
            StoreError: it cannot be reached.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = cls(path, _make_engine(url, busy_timeout_s, read_only=False))
        try:
            with database._mapped_errors(), database._writer.begin() as connection:
                migrate(connection, database.name, vault)
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def open_to_fill(cls, path: Path, url: str, busy_timeout_s: float = 5.0) -> "PostgresDatabase":
        """Returns a database as it is, with whatever tables it has: see `moving`."""
        return cls(path, _make_engine(url, busy_timeout_s, read_only=False))

    @classmethod
    def open_to_read(cls, path: Path, url: str, busy_timeout_s: float = 5.0) -> "PostgresDatabase":
        """Returns a database that another process has made and migrated; nothing can be written through it."""
        return cls(path, _make_engine(url, busy_timeout_s, read_only=True))

    def check_in_place(self) -> None:
        """A database that is dropped while in use is told by the next query."""

    def check_pages(self) -> None:
        """The server checks them as it reads them."""

    def find_damage(self) -> list[str]:
        return []

    def scrub(self) -> None:
        # What the server's log and its backups hold of names is theirs to forget; templates died with their key.
        with self._mapped_errors(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql(f"VACUUM FULL {', '.join(Base.metadata.tables)}")

    def size_bytes(self) -> int:
        with self.read() as session:
            return int(session.connection().exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())

    def back_up(self, target: Path) -> int:
        dump = f"Run pg_dump --format=custom --file={target.name} {self._engine.url.database}"
        fix = f"{dump}, and copy {KEY_RING} out of the state folder yourself"
        raise StoreError(f"{self.name}: is copied by PostgreSQL's own tools. {fix}")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _store_error(self.name, error) from error

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        with mapped_errors(self.path), self._told():
            yield

    def _mapped_errors(self) -> AbstractContextManager[None]:
        return self._mapped()


def _store_error(name: str, error: DBAPIError) -> StoreError:
    # Only the code is told: the text may quote names, and the address its password.
    code = getattr(error.orig, "sqlstate", None)
    if code is None or code.startswith(("08", "57P")):
        why = WHY_REFUSED.search(str(error.orig))
        cause = f"cannot be reached ({why[1]})" if why else "cannot be reached"
        return StoreError(f"{name}: the server {cause}. Check that it runs, and database_url")
    for prefix, kind, fault, fix in FAULTS:
        if code.startswith(prefix):
            return kind(f"{name}: {fault}. {fix}")
    return StoreError(f"{name}: PostgreSQL says {code}. This is a fault of DeconvID")


def _make_engine(url: str, busy_timeout_s: float, read_only: bool) -> Engine:
    if "${" in url:
        raise StoreUnusableError(
            "database_url: a secret that it names is not at hand here. Set that variable, or name the password in "
            "~/.pgpass, which every program of this user reads"
        )
    options = f"-c lock_timeout={int(busy_timeout_s * 1000)} -c default_transaction_read_only={str(read_only).lower()}"
    arguments = {"connect_timeout": CONNECT_S, "application_name": "deconvid", "options": options}
    try:
        # pre_ping: a server that was restarted costs nothing but a new connection.
        engine = create_engine(make_url(url), hide_parameters=True, pool_pre_ping=True, connect_args=arguments)
    except (ArgumentError, ValueError):
        raise StoreUnusableError(
            "database_url: is no address of a database. Write postgresql+psycopg://USER@HOST/NAME"
        ) from None
    except ModuleNotFoundError as error:
        raise StoreUnusableError(
            f"database_url: the driver {error.name} is not installed. Run pip install 'deconvid[postgres]'"
        ) from error

    @event.listens_for(engine, "begin")
    def take_write_lock(connection: Connection) -> None:
        if connection.get_execution_options().get("takes_lock"):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")

    return engine
