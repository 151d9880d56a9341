"""The identity store: SQLite (WAL) through SQLAlchemy, the only place that knows SQL."""

from daemon.store.errors import (
    DiskFullError,
    InvalidNameError,
    KeyRingError,
    MasterKeyError,
    NameTakenError,
    StoreBusyError,
    StoreUnusableError,
    UnknownPersonError,
    UnreadableError,
)
from daemon.store.events import EventStore
from daemon.store.master_key import MasterKey
from daemon.store.records import (
    Consent,
    Enrolment,
    EventFilter,
    EventPage,
    GalleryNews,
    GallerySnapshot,
    ModelCoverage,
    NewEvent,
    NewTemplate,
    Person,
    StoredEvent,
    Template,
)
from daemon.store.store import Store

__all__ = [
    "Consent",
    "DiskFullError",
    "Enrolment",
    "EventFilter",
    "EventPage",
    "EventStore",
    "GalleryNews",
    "GallerySnapshot",
    "InvalidNameError",
    "KeyRingError",
    "MasterKey",
    "MasterKeyError",
    "ModelCoverage",
    "NameTakenError",
    "NewEvent",
    "NewTemplate",
    "Person",
    "Store",
    "StoreBusyError",
    "StoreUnusableError",
    "StoredEvent",
    "Template",
    "UnknownPersonError",
    "UnreadableError",
]
