"""Small facts about the database, each under a key."""

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from daemon.store.schema import MetaRow

CROWD_REVISION = "crowd_revision"
"""Grows with every change of strangers."""
EPOCH = "epoch"
"""Random id of the database: sequence numbers of events count within it."""
KEY_RING = "key_ring"
"""Id of the key ring that opens the sealed rows."""
LAST_PERSON = "last_person"
"""The highest id that a person ever had: ids are not used again, for the audit log and old events tell of them."""
LAST_STRANGER = "last_stranger"
"""The same of strangers."""
SCRUB_DUE = "scrub_due"
"""0 while no bytes of erased rows are left, 1 from an erasure on; what else it may be says who is removing them."""


def value(session: Session, key: str) -> str:
    return session.scalars(select(MetaRow.value).where(MetaRow.key == key)).one()


def set_value(session: Session, key: str, value: str) -> None:
    session.execute(update(MetaRow).where(MetaRow.key == key).values(value=value))


def replace_value(session: Session, key: str, old: str, new: str) -> None:
    """Leaves a value that is not the old one any more."""
    session.execute(update(MetaRow).where(MetaRow.key == key, MetaRow.value == old).values(value=new))


def count_up(session: Session, key: str) -> int:
    """Returns a counter's new value."""
    count = int(value(session, key)) + 1
    set_value(session, key, str(count))
    return count


def last_key(session: Session, table: str) -> int:
    """Returns the highest key that a table with AUTOINCREMENT ever had; it knows of deleted rows too."""
    if _counts_itself(session):
        return session.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table}) or 0
    return int(value(session, last_key_name(table)))


def note_last_key(session: Session, table: str, key: int) -> None:
    """To be called when rows were added to such a table: of all databases, only SQLite notes it by itself.

    A sequence of PostgreSQL's would not do: it goes on when a transaction fails, and there would be a gap.
    """
    if not _counts_itself(session):
        set_value(session, last_key_name(table), str(key))


def last_key_name(table: str) -> str:
    return f"last_key_of_{table}"


def _counts_itself(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
