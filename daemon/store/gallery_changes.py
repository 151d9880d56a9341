"""Who changed since a revision of the gallery, so that whoever follows it reads these people only."""

from collections.abc import Collection

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from daemon.store import meta
from daemon.store.schema import GalleryChangeRow, PersonRow

REVISION = "gallery_revision"


def note_change(session: Session, people: Collection[int]) -> None:
    """Counts the gallery's revision up. To be called in the transaction that changes these people or their templates.

    Args:
        session: that writes.
        people: ids, at most 30,000: SQLite takes no more at once.
    """
    revision, people = meta.count_up(session, REVISION), set(people)
    session.execute(delete(GalleryChangeRow).where(GalleryChangeRow.person_id.in_(people)))
    session.execute(insert(GalleryChangeRow), [{"person_id": id, "revision": revision} for id in people])


def read_revision(session: Session) -> int:
    return int(meta.value(session, REVISION))


def read_changed(session: Session, since: int | None) -> list[int]:
    """Returns the ids of people who changed after a revision, erased ones too; of everybody who is known, if None."""
    query = select(PersonRow.id)
    if since is not None:
        query = select(GalleryChangeRow.person_id).where(GalleryChangeRow.revision > since)
    return list(session.scalars(query))
