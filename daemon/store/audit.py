"""Who did what to whom: append-only, each row holding the digest of the one before it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from daemon.store import meta
from daemon.store.database import Database
from daemon.store.schema import EPOCH, AuditRow

READ_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    sequence: int
    at: datetime
    actor: str
    """`cli:ann`, `daemon`."""
    action: str
    subject: str
    """`person:7`, `stranger:12`, `gallery`."""
    detail: str
    previous: str
    digest: str
    """SHA-256 of everything else, hexadecimal."""


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    count: int
    head: str
    """Digest of the newest row; empty if there is none. Noted elsewhere, it tells later whether any row up to it was
    rewritten."""
    faults: tuple[str, ...]
    """What does not fit, oldest first."""


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
        session.flush()  # rows that this session added before
        last = session.scalars(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).one_or_none()
        entry = AuditEntry(
            sequence=last.sequence + 1 if last else 1,
            at=datetime.now(UTC),
            actor=actor or self._actor,
            action=action,
            subject=subject,
            detail=detail,
            previous=last.digest if last else "",
            digest="",
        )
        session.add(AuditRow(**{name: getattr(entry, name) for name in COLUMNS} | {"digest": digest_of(entry)}))
        session.flush()
        meta.note_last_key(session, "audit", entry.sequence)

    def entries(self, newest: int | None = None) -> list[AuditEntry]:
        """Returns what was done, oldest first.

        Args:
            newest: how many of the newest; None: all.
        """
        query = select(AuditRow).order_by(AuditRow.sequence.desc()).limit(newest)
        with self._database.read() as session:
            return [_entry(row) for row in session.scalars(query)][::-1]

    def verify(self, head: str | None = None) -> AuditVerdict:
        """Recomputes every digest.

        Args:
            head: a digest that was noted earlier, and must still be there.
        """
        count, faults, last, found = 0, list[str](), None, head is None
        with self._database.read() as session:
            for entry in _all(session):
                faults += _faults(last, entry)
                count, last, found = count + 1, entry, found or entry.digest == head
            ever = meta.last_key(session, "audit")
        if (last.sequence if last else 0) < ever:
            faults.append(f"rows after {last.sequence if last else 0} were removed: there were {ever}")
        if not found:
            faults.append("the digest that was noted earlier is in no row: the log was rewritten")
        return AuditVerdict(count, last.digest if last else "", tuple(faults))


COLUMNS = tuple(field for field in AuditEntry.__dataclass_fields__ if field != "digest")


def digest_of(entry: AuditEntry) -> str:
    """Returns the SHA-256 of a row's other columns, as a JSON list; the time in microseconds since 1970."""
    at = (entry.at - EPOCH) // timedelta(microseconds=1)
    columns = [entry.sequence, at, entry.actor, entry.action, entry.subject, entry.detail, entry.previous]
    return hashlib.sha256(json.dumps(columns, separators=(",", ":")).encode()).hexdigest()


def _faults(last: AuditEntry | None, entry: AuditEntry) -> Iterator[str]:
    expected = last.sequence + 1 if last else 1
    if entry.sequence != expected:
        yield f"rows {expected} to {entry.sequence - 1} were removed"
    elif entry.previous != (last.digest if last else ""):
        yield f"row {entry.sequence} does not follow the row before it: one of the two was replaced or moved"
    if digest_of(entry) != entry.digest:
        yield f"row {entry.sequence} was changed"


def _all(session: Session) -> Iterator[AuditEntry]:
    query = select(AuditRow).order_by(AuditRow.sequence).execution_options(yield_per=READ_AT_ONCE)
    return map(_entry, session.scalars(query))


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in (*COLUMNS, "digest")})
