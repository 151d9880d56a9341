"""The identity store: people, what was said about them, and what identifies this database."""

import logging
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import select

from daemon.errors import StoreError
from daemon.store.database import Database
from daemon.store.events import EventStore
from daemon.store.people import PeopleStore
from daemon.store.schema import MetaRow

logger = logging.getLogger(__name__)


class Store:
    """A context manager; `people` and `events` hold the operations."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.people = PeopleStore(database)
        self.events = EventStore(database)
        with database.read() as session:
            self.epoch = session.scalars(select(MetaRow.value).where(MetaRow.key == "epoch")).one()
            """Random id of this database: sequence numbers count within it."""

    @classmethod
    def open(cls, path: Path, busy_timeout_s: float = 5.0) -> Self:
        """Returns the store, made or migrated if need be.

        Args:
            path: of the SQLite file.
            busy_timeout_s: longest wait for another process that writes.

        Raises:
            StoreUnusableError: it is damaged, newer than this program, or no database.
            StoreBusyError: another process held it for longer than the busy timeout.
            StoreError: it cannot be opened.
        """
        store = cls._of(Database.open(path, busy_timeout_s))
        store._finish_erasure()
        return store

    @classmethod
    def open_to_read(cls, path: Path, busy_timeout_s: float = 5.0) -> Self:
        """Returns a store that another process has made; nothing can be written through it.

        Raises:
            StoreError: there is none, or it cannot be read.
        """
        return cls._of(Database.open_to_read(path, busy_timeout_s))

    @classmethod
    def _of(cls, database: Database) -> Self:
        try:
            return cls(database)
        except BaseException:
            database.close()
            raise

    @property
    def gallery_revision(self) -> int:
        """Grows with every change of people or templates, whichever process makes it."""
        return self.people.revision()

    def _finish_erasure(self) -> None:
        try:
            self.people.finish_erasure()
        except StoreError as error:
            logger.warning("erasure_not_finished reason='%s'", error)

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
