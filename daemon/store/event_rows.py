"""Rows of the event log: as records, and how they are chosen."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, func, or_, select

from daemon.store.records import EventFilter, NewEvent, StoredEvent
from daemon.store.schema import EventRow

COLUMNS = (
    EventRow.kind,
    EventRow.camera,
    EventRow.track,
    EventRow.person_id,
    EventRow.at,
    EventRow.sequence,
    EventRow.payload,
)
"""In the order of `StoredEvent`."""


def edge(function: Callable[..., ColumnElement[int]]) -> ScalarSelect[int]:
    # Each in a query of its own: SQLite looks one end of a key up, but reads all of it for both.
    return select(function(EventRow.sequence)).scalar_subquery()


def conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.kinds:
        conditions.append(or_(*(func.substr(EventRow.kind, 1, len(kind)) == kind for kind in wanted.kinds)))
    if wanted.cameras:
        conditions.append(EventRow.camera.in_(wanted.cameras))
    return conditions


def within(events: list[StoredEvent], most_bytes: int) -> list[StoredEvent]:
    """Returns the first events, at least one, whose payloads have no more bytes in all."""
    total = 0
    for place, event in enumerate(events):
        total += len(event.payload.encode())
        if place and total > most_bytes:
            return events[:place]
    return events


def numbered(event: NewEvent, sequence: int, payload: str) -> StoredEvent:
    return StoredEvent(event.kind, event.camera, event.track, event.person_id, event.at, sequence, payload)


def columns(event: StoredEvent) -> dict[str, object]:
    return {
        "sequence": event.sequence,
        "kind": event.kind,
        "camera": event.camera,
        "track": event.track,
        "person_id": event.person_id,
        "at": event.at,
        "payload": event.payload,
    }


def stored(row: Row[*tuple[Any, ...]]) -> StoredEvent:
    return StoredEvent(*row)
