"""Templates of people, as they lie in the database: sealed under the key of whom they show."""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from daemon.store.errors import UnreadableError
from daemon.store.records import NewTemplate, Template
from daemon.store.schema import PersonRow, TemplateRow, is_valid
from daemon.store.vault import WHY_UNREADABLE, Item, Vault

logger = logging.getLogger(__name__)

OPENED_AT_ONCE = 10_000
EMBEDDING, CROP = "templates.embedding", "templates.crop"


def subject_of(person_id: int) -> str:
    """Returns what the vault and the audit log call a person."""
    return f"person:{person_id}"


def sealed_rows(vault: Vault, templates: Sequence[tuple[int, NewTemplate]], now: datetime) -> Iterator[TemplateRow]:
    """Yields the rows of templates, each given with the id of its person."""
    sealed = iter(vault.seal_many([item for person_id, template in templates for item in _items(person_id, template)]))
    for person_id, template in templates:
        yield TemplateRow(
            person_id=person_id,
            embedding=next(sealed),
            model_digest=template.model_digest,
            quality=template.quality,
            crop=next(sealed),
            source=template.source,
            source_digest=template.source_digest,
            created_at=now,
        )


def opened_rows(vault: Vault, rows: Sequence[TemplateRow]) -> Iterator[Template]:
    """Raises UnreadableError: one cannot be opened."""
    opened = vault.open_many([item for row in rows for item in sealed_items(row)])
    for row in rows:
        embedding, crop = next(opened), next(opened)
        if embedding is None or crop is None:
            raise UnreadableError(
                f"template {row.id} of {subject_of(row.person_id)} cannot be opened: {WHY_UNREADABLE}"
            )
        yield Template(
            embedding=np.frombuffer(embedding, "<f4"),
            model_digest=row.model_digest,
            quality=row.quality,
            crop=crop,
            source=row.source,
            source_digest=row.source_digest,
            id=row.id,
            person_id=row.person_id,
            created_at=row.created_at,
        )


def count_unreadable(vault: Vault, rows: Sequence[TemplateRow]) -> int:
    """Returns how many cannot be opened."""
    opened = vault.open_many([item for row in rows for item in sealed_items(row)])
    return sum(None in (next(opened), next(opened)) for _ in rows)


def read_embeddings(
    session: Session, vault: Vault, model_digest: str, now: datetime | None, people: Collection[int] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Returns templates of one model; those that cannot be opened are left out, with an error in the log.

    Args:
        now: people whose consent ran out before are left out too; None: nobody is.
        people: whose; None: everybody's.

    Returns:
        person_ids: (N,) int64, ascending.
        embeddings: (N, D) float32; (0, 0) if there are none.
    """
    of_model = TemplateRow.model_digest == model_digest
    if now is not None:
        of_model &= TemplateRow.person_id.in_(select(PersonRow.id).where(is_valid(now)))
    if people is not None:
        of_model &= TemplateRow.person_id.in_(people)
    count = session.scalar(select(func.count()).select_from(TemplateRow).where(of_model)) or 0
    query = select(TemplateRow.person_id, TemplateRow.embedding).where(of_model)
    ids, embeddings = np.empty(count, np.int64), np.empty((0, 0), np.float32)
    filled, unreadable = 0, set()
    rows = session.execute(query.order_by(TemplateRow.person_id, TemplateRow.id))
    for part in rows.partitions(OPENED_AT_ONCE):
        context = f"{EMBEDDING}:{model_digest}"
        opened = vault.open_many([(subject_of(row.person_id), row.embedding, context) for row in part])
        for row, data in zip(part, opened, strict=True):
            if data is None:
                unreadable.add(row.person_id)
                continue
            if not filled:
                embeddings = np.empty((count, len(data) // 4), np.float32)
            ids[filled], embeddings[filled] = row.person_id, np.frombuffer(data, "<f4")
            filled += 1
    if unreadable:
        logger.error(
            "templates_unreadable templates=%d people=%d fix='%s'", count - filled, len(unreadable), WHY_UNREADABLE
        )
    return ids[:filled], embeddings[:filled]


def _items(person_id: int, template: NewTemplate) -> Iterable[Item]:
    subject, digest = subject_of(person_id), template.model_digest
    yield subject, template.embedding.astype("<f4").tobytes(), f"{EMBEDDING}:{digest}"
    yield subject, template.crop, f"{CROP}:{digest}"


def sealed_items(row: TemplateRow) -> Iterable[Item]:
    subject = subject_of(row.person_id)
    yield subject, row.embedding, f"{EMBEDDING}:{row.model_digest}"
    yield subject, row.crop, f"{CROP}:{row.model_digest}"
