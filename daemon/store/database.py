"""The database under the store: sessions that read, sessions that write, and what depends on whose database it is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session


class Database(ABC):
    """Several processes may have it open; one writes at a time.

    Args:
        path: where the SQLite file is or would be: key ring and snapshots lie beside it, whatever the database.
        name: for messages, without anything secret.
        engine: of sessions that read.
        writer: of sessions that write; its transactions hold the write lock from their start.
    """

    def __init__(self, path: Path, name: str, engine: Engine, writer: Engine) -> None:
        self.path, self.name = path, name
        self._engine, self._writer = engine, writer

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database."""
        with self._mapped_errors(), Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that has the write lock from its start; commits at its end, or changes nothing."""
        with self._mapped_errors(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @abstractmethod
    def check_in_place(self) -> None:
        """Raises StoreUnusableError: it was deleted or replaced, and what is written goes nowhere."""

    @abstractmethod
    def check_pages(self) -> None:
        """Looks at the pages for as long as a start may take. Raises StoreUnusableError: the database is damaged."""

    @abstractmethod
    def find_damage(self) -> list[str]:
        """Returns some of what is wrong with pages, indices and foreign keys; empty if they are sound."""

    @abstractmethod
    def scrub(self) -> None:
        """Leaves nothing of deleted rows that the database itself can remove.

        Raises:
            StoreBusyError: another process read for longer than the busy timeout.
        """

    @abstractmethod
    def size_bytes(self) -> int:
        """Returns the size of all pages, also of those that are in a log only."""

    @abstractmethod
    def back_up(self, target: Path) -> int:
        """Copies it into a file that does not exist yet; returns the copy's bytes. Raises StoreError."""

    def close(self) -> None:
        self._engine.dispose()

    @abstractmethod
    def _mapped_errors(self) -> AbstractContextManager[None]:
        """Turns what SQLAlchemy and the driver raise into a StoreError."""
