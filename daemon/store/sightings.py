"""Who was seen where, as the event log remembers it: names that are to be forgotten before the events are."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update

from daemon.store.database import Database
from daemon.store.json_text import cleared
from daemon.store.pictures import SNAPSHOTS_FOLDER, delete_pictures_in
from daemon.store.schema import EventRow

FORGET_AT_ONCE = 2_000
"""So that nobody waits long for the write lock."""


class SightingStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def count_named_before(self, moment: datetime) -> int:
        """Returns how many events from before a moment name a person."""
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(EventRow).where(*_named_before(moment))) or 0

    def forget_names_before(self, moment: datetime) -> int:
        """Takes person and picture out of events from before a moment, the oldest first; returns of how many, at most
        `FORGET_AT_ONCE`."""
        old = select(EventRow.sequence).where(*_named_before(moment)).order_by(EventRow.sequence).limit(FORGET_AT_ONCE)
        with self._database.write() as session:
            sequences = session.scalars(old).all()
            theirs = EventRow.sequence.in_(sequences)
            delete_pictures_in(session, theirs, self._database.path.with_name(SNAPSHOTS_FOLDER))
            payload = cleared(EventRow.payload, "person")
            session.execute(
                update(EventRow).where(theirs).values(person_id=None, payload=payload),
                execution_options={"synchronize_session": False},
            )
        return len(sequences)


def _named_before(moment: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return EventRow.at < moment, EventRow.person_id.is_not(None)
