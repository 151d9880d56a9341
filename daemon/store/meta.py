"""Small facts about the database, each under a key."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from daemon.store.schema import MetaRow

EPOCH = "epoch"
"""Random id of the database: sequence numbers of events count within it."""
GALLERY_REVISION = "gallery_revision"
KEY_RING = "key_ring"
"""Id of the key ring that opens the sealed rows."""
LAST_PERSON = "last_person"
"""The highest id that a person ever had: ids are not used again, for the audit log and old events tell of them."""
SCRUB_DUE = "scrub_due"
"""1 from the erasure of a person's rows until their bytes are gone too."""


def value(session: Session, key: str) -> str:
    return session.scalars(select(MetaRow.value).where(MetaRow.key == key)).one()


def set_value(session: Session, key: str, value: str) -> None:
    session.execute(update(MetaRow).where(MetaRow.key == key).values(value=value))


def count_up(session: Session, key: str) -> int:
    """Returns a counter's new value."""
    count = int(value(session, key)) + 1
    set_value(session, key, str(count))
    return count
