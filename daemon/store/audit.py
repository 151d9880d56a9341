"""Who did what to whom: append-only, each row holding the digest of the one before it."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from daemon.store.database import Database
from daemon.store.schema import EPOCH, AuditRow


class AuditStore:
    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    def append(self, session: Session, action: str, subject: str, detail: str = "", actor: str | None = None) -> None:
        """Adds a row in the caller's transaction: what was done and its record are stored together or not at all.

        Args:
            session: that writes.
            action: a verb with its area, `people.erase`.
            subject: `person:7`, `stranger:12`, `gallery`. Never a name, which has to be erasable.
            detail: numbers and settings; nothing that shows a person.
            actor: who did it; None: who opened the store.
        """
        last = session.scalars(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).one_or_none()
        row = AuditRow(
            sequence=last.sequence + 1 if last else 1,
            at=datetime.now(UTC),
            actor=actor or self._actor,
            action=action,
            subject=subject,
            detail=detail,
            previous=last.digest if last else "",
        )
        row.digest = digest_of(row)
        session.add(row)
        session.flush()


def digest_of(row: AuditRow) -> str:
    """Returns the SHA-256 of a row's other columns, as JSON."""
    microseconds = (row.at - EPOCH) // timedelta(microseconds=1)
    columns = [row.sequence, microseconds, row.actor, row.action, row.subject, row.detail, row.previous]
    return hashlib.sha256(json.dumps(columns, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()
