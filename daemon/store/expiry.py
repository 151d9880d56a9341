"""People whose consent has run out: nobody matches them from that moment, and later they are erased."""

from datetime import datetime

from sqlalchemy import or_, select

from daemon.store.database import Database
from daemon.store.erasure import Erasure
from daemon.store.gallery_changes import note_change
from daemon.store.schema import PersonRow

ERASED_AT_ONCE = 100
"""So that nobody waits long for the write lock."""


class ExpiryStore:
    def __init__(self, database: Database, erasure: Erasure) -> None:
        self._database, self._erasure = database, erasure

    def note(self, since: datetime, now: datetime) -> int:
        """Tells whoever follows the gallery of people whose consent ran out between two moments; returns how many."""
        query = select(PersonRow.id).where(
            PersonRow.expires_at > min(since, now), PersonRow.expires_at <= max(since, now)
        )
        with self._database.read() as session:
            ids = session.scalars(query).all()
        if ids:
            with self._database.write() as session:
                note_change(session, ids)
        return len(ids)

    def erase(self, before: datetime) -> int:
        """Erases people whose consent ran out before a moment, some at once; returns how many.

        Somebody who, or whose consent, was put on record after that moment is left: its day may be a slip of the pen,
        and an imported consent may be older than its record here.

        Raises:
            StoreError: nobody was erased, or their rows are gone and the next one who opens the store does the rest.
        """
        is_old = or_(PersonRow.consent_at.is_(None), PersonRow.consent_at < before)
        is_overdue = (PersonRow.expires_at < before) & (PersonRow.created_at < before) & is_old
        query = select(PersonRow.id).where(is_overdue).limit(ERASED_AT_ONCE)
        with self._database.read() as session:
            if session.scalar(query.exists().select()) is False:
                return 0
        with self._database.write() as session:
            ids = session.scalars(query).all()
            for id in ids:
                self._erasure.erase_person(session, id, "people.erase_expired")
        self._erasure.finish()
        return len(ids)
