"""What was said about whom: the event log, whose key is the sequence number on the bus."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from daemon.store.database import Database
from daemon.store.errors import UnknownPersonError
from daemon.store.records import NewEvent, StoredEvent
from daemon.store.schema import EventRow, PersonRow

FORGET_AT_ONCE = 100_000


class EventStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, event: NewEvent, render: Callable[[int], str]) -> StoredEvent:
        """Stores an event under the next sequence number; when it returns, the event is on the disk.

        Args:
            event: the columns to search by.
            render: makes the payload, given the sequence number.

        Raises:
            UnknownPersonError: the event's person was erased meanwhile.
            DiskFullError: nothing was stored, and no sequence number was used.
        """
        with self._database.write() as session:
            _check_person(session, event.person_id)
            row = _row(event)
            session.add(row)
            session.flush()
            row.payload = render(row.sequence)
        return _stored(row)

    def since(self, sequence: int, limit: int = 1000) -> list[StoredEvent]:
        """Returns the events after a sequence number, oldest first."""
        query = select(EventRow).where(EventRow.sequence > sequence).order_by(EventRow.sequence).limit(limit)
        with self._database.read() as session:
            return [_stored(row) for row in session.scalars(query)]

    def last_of_each_track(self, since: datetime) -> list[StoredEvent]:
        """Returns the last event of each track about which something was said since then, oldest first."""
        # By sequence, not by each event's own time: cameras' clocks may go back, and a farewell must not be overlooked.
        first = select(func.min(EventRow.sequence)).where(EventRow.at >= since).scalar_subquery()
        last = (
            select(func.max(EventRow.sequence))
            .where(EventRow.sequence >= first, EventRow.track.is_not(None))
            .group_by(EventRow.camera, EventRow.track)
        )
        with self._database.read() as session:
            query = select(EventRow).where(EventRow.sequence.in_(last)).order_by(EventRow.sequence)
            return [_stored(row) for row in session.scalars(query)]

    def forget_before(self, moment: datetime) -> int:
        """Deletes events whose own time is before a moment, but never the newest one; returns how many.

        At most `FORGET_AT_ONCE`, the oldest first, so that nobody waits long for the write lock.
        """
        newest = select(func.max(EventRow.sequence)).scalar_subquery()
        old = (
            select(EventRow.sequence)
            .where(EventRow.at < moment, EventRow.sequence < newest)
            .order_by(EventRow.sequence)
            .limit(FORGET_AT_ONCE)
        )
        with self._database.write() as session:
            forgotten = session.scalars(delete(EventRow).where(EventRow.sequence.in_(old)).returning(EventRow.sequence))
            return len(forgotten.all())


def _check_person(session: Session, person_id: int | None) -> None:
    if person_id is not None and session.get(PersonRow, person_id) is None:
        raise UnknownPersonError("the person of this event was erased. Load the gallery again")


def _row(event: NewEvent) -> EventRow:
    return EventRow(
        kind=event.kind,
        camera=event.camera,
        track=event.track,
        person_id=event.person_id,
        at=event.at,
        payload="",
    )


def _stored(row: EventRow) -> StoredEvent:
    return StoredEvent(
        kind=row.kind,
        camera=row.camera,
        track=row.track,
        person_id=row.person_id,
        at=row.at,
        sequence=row.sequence,
        payload=row.payload,
    )
