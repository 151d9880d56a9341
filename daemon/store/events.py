"""What was said about whom: the event log, whose key is the sequence number on the bus."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, literal_column, select
from sqlalchemy.orm import Session

from daemon.store import meta
from daemon.store.database import Database
from daemon.store.errors import UnknownPersonError
from daemon.store.event_rows import COLUMNS, columns, conditions, edge, numbered, stored, within
from daemon.store.pictures import SNAPSHOTS_FOLDER, delete_files_of
from daemon.store.records import EventFilter, EventPage, NewEvent, StoredEvent
from daemon.store.schema import EventRow, PersonRow

FORGET_AT_ONCE = 5_000
"""So that nobody waits long for the write lock."""

LOOK_THROUGH = 10_000
"""Events that one page may pass over: a filter that nothing fits must not hold its reader up."""

PAGE_BYTES = 1 << 20

BYTES_BESIDE_PAYLOAD = 150
"""Of an event's other columns and its places in the indices: `dbstat` says 112, longer names take more."""

Draft = tuple[NewEvent, Callable[[int], str]]
"""The columns to search by, and what makes the payload, given the sequence number."""


class EventStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def append_many(self, drafts: Sequence[Draft]) -> list[StoredEvent | None]:
        """Stores events under the next sequence numbers; when it returns, they are on the disk.

        Returns:
            The events in their order; None in place of those whose person was erased meanwhile, which are left out.

        Raises:
            StoreError: nothing was stored, and no sequence number was used.
        """
        with self._database.write() as session:
            return self.append_in(session, drafts)

    def append_in(self, session: Session, drafts: Sequence[Draft]) -> list[StoredEvent | None]:
        """Stores events, as `append_many` does, together with what else its caller writes."""
        people = _existing(session, {event.person_id for event, _ in drafts if event.person_id is not None})
        sequence = meta.last_key(session, "events")
        appended: list[StoredEvent | None] = []
        for event, render in drafts:
            if event.person_id is not None and event.person_id not in people:
                appended.append(None)
                continue
            sequence += 1
            appended.append(numbered(event, sequence, render(sequence)))
        if rows := [columns(event) for event in appended if event]:
            # Past the session: as Core it is three times as fast.
            session.connection().execute(insert(EventRow), rows)
            meta.note_last_key(session, "events", sequence)
        return appended

    def append(self, event: NewEvent, render: Callable[[int], str]) -> StoredEvent:
        """Stores one event, as `append_many` does.

        Raises:
            UnknownPersonError: the event's person was erased meanwhile.
        """
        [appended] = self.append_many([(event, render)])
        if appended is None:
            raise UnknownPersonError("the person of this event was erased. Load the gallery again")
        return appended

    def page(
        self, after: int, limit: int = 1000, wanted: EventFilter = EventFilter(), most_bytes: int = PAGE_BYTES
    ) -> EventPage:
        """Returns the wanted events after a sequence number, oldest first.

        Args:
            after: where the page before ended.
            limit: most events.
            wanted: which ones.
            most_bytes: of payload in all; one event is returned even if it has more.
        """
        with self._database.read() as session:
            oldest, newest = _edges(session)
            start = max(after, oldest - 1)
            until = min(newest, start + LOOK_THROUGH)
            query = select(*COLUMNS).where(EventRow.sequence > start, EventRow.sequence <= until, *conditions(wanted))
            found = [stored(row) for row in session.execute(query.order_by(EventRow.sequence).limit(limit))]
        kept = within(found, most_bytes)
        is_cut = len(kept) < len(found) or len(kept) == limit
        return EventPage(oldest, newest, kept[-1].sequence if is_cut else max(after, until), kept)

    def pick(self, sequences: Sequence[int], limit: int = 1000, most_bytes: int = PAGE_BYTES) -> EventPage:
        """Returns the first of the events of these numbers, rising, as a page that skips all others."""
        query = select(*COLUMNS).where(EventRow.sequence.in_(sequences[:limit])).order_by(EventRow.sequence)
        with self._database.read() as session:
            oldest, newest = _edges(session)
            found = [stored(row) for row in session.execute(query)]
        kept = within(found, most_bytes)
        through = kept[-1].sequence if len(kept) < len(found) else newest
        return EventPage(oldest, newest, min([through, *sequences[limit - 1 : limit]]), kept)

    def since(self, sequence: int, limit: int = 1000) -> list[StoredEvent]:
        """Returns the events after a sequence number, oldest first."""
        query = select(*COLUMNS).where(EventRow.sequence > sequence).order_by(EventRow.sequence).limit(limit)
        return self._read(query)

    def newest(self) -> int:
        """Returns the sequence number of the newest event, 0 if there is none."""
        with self._database.read() as session:
            return session.scalar(select(func.max(EventRow.sequence))) or 0

    def newest_at(self) -> datetime | None:
        """Returns the newest event's own time, None if there is none."""
        with self._database.read() as session:
            return session.scalar(select(EventRow.at).order_by(EventRow.sequence.desc()).limit(1))

    def last_of_each_camera(self) -> list[StoredEvent]:
        """Returns the newest state of each camera, oldest first."""
        # As a literal: with a bound value SQLite would not use the index of these events alone.
        is_state = EventRow.kind == literal_column("'camera.state'")
        last = select(func.max(EventRow.sequence)).where(is_state).group_by(EventRow.camera)
        return self._read(select(*COLUMNS).where(EventRow.sequence.in_(last)).order_by(EventRow.sequence))

    def last_of_each_track(self, since: datetime) -> list[StoredEvent]:
        """Returns the last event of each track about which something was said since then, oldest first."""
        # By sequence, not by each event's own time: cameras' clocks may go back, and a farewell must not be overlooked.
        first = select(func.min(EventRow.sequence)).where(EventRow.at >= since).scalar_subquery()
        last = (
            select(func.max(EventRow.sequence))
            .where(EventRow.sequence >= first, EventRow.track.is_not(None))
            .group_by(EventRow.camera, EventRow.track)
        )
        return self._read(select(*COLUMNS).where(EventRow.sequence.in_(last)).order_by(EventRow.sequence))

    def forget_before(self, moment: datetime) -> int:
        """Deletes events whose own time is before a moment, but never the newest one, and the pictures that they name;
        returns how many.

        At most `FORGET_AT_ONCE`, the oldest first.
        """
        return self._forget(EventRow.at < moment)

    def forget_beyond(self, most_bytes: int) -> int:
        """Deletes the oldest events beyond a size of all of them in the database, as far as it can be estimated from
        the newest ones, and the pictures that they name; returns how many, at most `FORGET_AT_ONCE`."""
        newest = select(func.length(EventRow.payload).label("bytes")).order_by(EventRow.sequence.desc()).limit(1000)
        with self._database.read() as session:
            mean_bytes = session.scalar(select(func.avg(newest.subquery().c.bytes))) or 0
        most_events = int(most_bytes / (mean_bytes + BYTES_BESIDE_PAYLOAD))
        return self._forget(EventRow.sequence <= edge(func.max) - most_events)

    def _forget(self, condition: ColumnElement[bool]) -> int:
        old = (
            select(EventRow.sequence)
            .where(condition, EventRow.sequence < edge(func.max))
            .order_by(EventRow.sequence)
            .limit(FORGET_AT_ONCE)
        )
        is_old = EventRow.sequence.in_(old)
        with self._database.write() as session:
            # Nobody could find them afterwards: whom a picture shows is said by events only.
            delete_files_of(session, is_old, self._database.path.with_name(SNAPSHOTS_FOLDER))
            return len(session.scalars(delete(EventRow).where(is_old).returning(EventRow.sequence)).all())

    def _read(self, query: Select[*tuple[Any, ...]]) -> list[StoredEvent]:
        with self._database.read() as session:
            return [stored(row) for row in session.execute(query)]


def _edges(session: Session) -> tuple[int, int]:
    """Returns the sequence numbers of the oldest and the newest event, 0 and 0 if there is none."""
    oldest, newest = session.execute(select(edge(func.min), edge(func.max))).one()
    return oldest or 0, newest or 0


def _existing(session: Session, person_ids: Collection[int]) -> set[int]:
    if not person_ids:
        return set()
    return set(session.scalars(select(PersonRow.id).where(PersonRow.id.in_(person_ids))))
