"""Which files people were enrolled with."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from daemon.store.schema import TemplateRow


def files_of(session: Session, people: Collection[int]) -> frozenset[tuple[int, str]]:
    """Returns the SHA-256 of the files that people were enrolled with, each with the person's id."""
    query = select(TemplateRow.person_id, TemplateRow.source_digest).where(TemplateRow.person_id.in_(people))
    return frozenset((person_id, digest) for person_id, digest in session.execute(query) if digest)
