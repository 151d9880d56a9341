"""The identity store: people, what was said about them, and what identifies this database."""

import logging
from pathlib import Path
from types import TracebackType
from typing import Self

from config import Settings
from daemon.errors import StoreError
from daemon.store import meta
from daemon.store.audit import AuditStore
from daemon.store.calibrations import CalibrationStore
from daemon.store.database import Database
from daemon.store.erasure import Erasure
from daemon.store.events import EventStore
from daemon.store.expiry import ExpiryStore
from daemon.store.likeness_store import LikenessStore
from daemon.store.master_key import MasterKey
from daemon.store.people import PeopleStore
from daemon.store.postgres import PostgresDatabase
from daemon.store.sightings import SightingStore
from daemon.store.sqlite import SqliteDatabase
from daemon.store.strangers import StrangerStore
from daemon.store.template_store import TemplateStore
from daemon.store.vault import Vault

logger = logging.getLogger(__name__)

UNNAMED = "program"
"""Who acts where nobody says so."""


class Store:
    """A context manager; its parts hold the operations."""

    def __init__(self, database: Database, vault: Vault, actor: str, scrubs: bool) -> None:
        self.database = database
        self.vault = vault
        self.audit = AuditStore(database, actor)
        self.erasure = Erasure(database, vault, self.audit, scrubs)
        self.people = PeopleStore(database, vault, self.audit, self.erasure)
        self.expiry = ExpiryStore(database, self.erasure)
        self.templates = TemplateStore(database, vault, self.audit, self.erasure)
        self.events = EventStore(database)
        self.sightings = SightingStore(database)
        self.strangers = StrangerStore(database, vault, self.audit, self.erasure, self.events, self.people)
        self.likenesses = LikenessStore(database, vault, self.audit)
        self.calibrations = CalibrationStore(database)
        with database.read() as session:
            self.epoch = meta.value(session, meta.EPOCH)
            """Random id of this database: sequence numbers count within it."""

    @classmethod
    def of(cls, settings: Settings, actor: str, scrubs: bool = True) -> Self:
        """Returns the store that the settings name; see `open`."""
        master_key = MasterKey.of(settings.privacy.master_key, settings.state)
        return cls.open(settings.database, url=settings.store_url, master_key=master_key, actor=actor, scrubs=scrubs)

    @classmethod
    def to_read(cls, settings: Settings) -> Self:
        """Returns the store that the settings name; see `open_to_read`."""
        return cls.open_to_read(settings.database, url=settings.store_url)

    @classmethod
    def open(
        cls,
        path: Path,
        busy_timeout_s: float = 5.0,
        *,
        url: str | None = None,
        master_key: MasterKey | None = None,
        actor: str = UNNAMED,
        scrubs: bool = True,
    ) -> Self:
        """Returns the store, made or migrated if need be.

        Args:
            path: of the SQLite file; the key ring lies beside it, also if the database is another one.
            url: of a PostgreSQL database, which holds the store in place of the file.
            busy_timeout_s: longest wait for another process that writes.
            master_key: what opens the key ring; None: a file beside the database. It is read when it is first needed.
            actor: who opens it, for the audit log: `daemon`, `cli:ann`.
            scrubs: whether the file may be rewritten after an erasure, see `Erasure`.

        Raises:
            StoreUnusableError: it is damaged, newer than this program, or no database; or its key ring is not there.
            StoreBusyError: another process held it for longer than the busy timeout.
            StoreError: it cannot be opened.
        """
        vault = Vault.beside(path, master_key or MasterKey.of(None, path.parent))
        database = (
            SqliteDatabase.open(path, vault, busy_timeout_s)
            if url is None
            else PostgresDatabase.open(path, url, vault, busy_timeout_s)
        )
        store = cls._of(database, vault, actor, scrubs)
        try:
            store._check_ring()
        except BaseException:
            store.close()
            raise
        store._finish_erasure()
        return store

    @classmethod
    def open_to_read(cls, path: Path, busy_timeout_s: float = 5.0, *, url: str | None = None) -> Self:
        """Returns a store that another process has made; nothing can be written through it.

        Raises:
            StoreError: there is none, or it cannot be read.
        """
        vault = Vault.beside(path, MasterKey.of(None, path.parent))
        database = (
            SqliteDatabase.open_to_read(path, busy_timeout_s)
            if url is None
            else PostgresDatabase.open_to_read(path, url, busy_timeout_s)
        )
        return cls._of(database, vault, UNNAMED, scrubs=False)

    @classmethod
    def _of(cls, database: Database, vault: Vault, actor: str, scrubs: bool) -> Self:
        try:
            return cls(database, vault, actor, scrubs)
        except BaseException:
            database.close()
            raise

    @property
    def gallery_revision(self) -> int:
        """Grows with every change of people or templates, whichever process makes it."""
        return self.people.revision()

    def exchange_master_key(self, new: MasterKey) -> int:
        """Wraps everybody's key with another master key; returns how many keys there are.

        The audit log tells that it began, and that it was done: ring and database are two files.

        Raises:
            StoreUnusableError: see `Vault.exchange_master_key`; the old key still holds.
            StoreError: the audit log cannot be written. If it is the second time, the new key holds already.
        """
        self.vault.check()
        self._note_exchange(f"to a key from {new.kind}: begun")
        count = self.vault.exchange_master_key(new)
        self._note_exchange(f"to a key from {new.kind}: done, {count} keys")
        return count

    def _note_exchange(self, detail: str) -> None:
        with self.database.write() as session:
            self.audit.append(session, "keys.exchange", "keys", detail)

    def check(self) -> None:
        """Raises StoreUnusableError: the database is damaged, or what is sealed in it cannot be opened."""
        self.database.check_pages()
        self.vault.check()

    def _check_ring(self) -> None:
        with self.database.read() as session:
            ring_id = meta.value(session, meta.KEY_RING)
        self.vault.check_ring(ring_id)

    def _finish_erasure(self) -> None:
        try:
            self.erasure.forget_again()
            self.erasure.condemn_again()
            self.erasure.finish()
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
