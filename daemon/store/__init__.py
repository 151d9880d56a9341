"""The identity store: SQLite (WAL) through SQLAlchemy, the only place that knows SQL."""

from daemon.store.errors import (
    DiskFullError,
    InvalidNameError,
    NameTakenError,
    StoreBusyError,
    StoreUnusableError,
    UnknownPersonError,
)
from daemon.store.events import EventStore
from daemon.store.records import (
    EventFilter,
    EventPage,
    GallerySnapshot,
    NewEvent,
    NewTemplate,
    Person,
    StoredEvent,
    Template,
)
from daemon.store.store import Store

__all__ = [
    "DiskFullError",
    "EventFilter",
    "EventPage",
    "EventStore",
    "GallerySnapshot",
    "InvalidNameError",
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
]
