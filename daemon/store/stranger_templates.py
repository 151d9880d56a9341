"""Likenesses of strangers, as they lie in the database: sealed under the key of whom they show."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from daemon.store.schema import StrangerTemplateRow
from daemon.store.stranger_records import Likeness
from daemon.store.vault import WHY_UNREADABLE, Item, Vault

logger = logging.getLogger(__name__)

EMBEDDING, CROP = "stranger_templates.embedding", "stranger_templates.crop"


def subject_of(stranger_id: int) -> str:
    """Returns what the vault and the audit log call a stranger."""
    return f"stranger:{stranger_id}"


def sealed_rows(
    vault: Vault, model_digest: str, added: Mapping[int, tuple[int, Likeness, bytes]]
) -> list[StrangerTemplateRow]:
    """Args: added: by id of the likeness: whose it is, and its crop."""
    items = [
        item
        for stranger_id, likeness, crop in added.values()
        for item in _items(stranger_id, model_digest, likeness.embedding.astype("<f4").tobytes(), crop)
    ]
    sealed = iter(vault.seal_many(items))
    return [
        StrangerTemplateRow(
            id=likeness.id,
            stranger_id=stranger_id,
            embedding=next(sealed),
            crop=next(sealed),
            model_digest=model_digest,
            quality=likeness.quality,
            camera=likeness.camera,
            seen_at=likeness.seen_at,
        )
        for stranger_id, likeness, _ in added.values()
    ]


def reseal(vault: Vault, moved: Sequence[tuple[StrangerTemplateRow, int]]) -> None:
    """Makes rows others' who they are given with. What cannot be opened stays so."""
    opened = vault.open_many([item for row, _ in moved for item in sealed_items(row)])
    pairs = [(row, to, next(opened), next(opened)) for row, to in moved]
    readable = [(row, to, data, crop) for row, to, data, crop in pairs if data is not None and crop is not None]
    items = [item for row, to, data, crop in readable for item in _items(to, row.model_digest, data, crop)]
    sealed = iter(vault.seal_many(items))
    for row, to, _, _ in readable:
        row.stranger_id, row.embedding, row.crop = to, next(sealed), next(sealed)


def renew(vault: Vault, rows: Sequence[tuple[StrangerTemplateRow, bytes]], model_digest: str) -> None:
    """Gives rows embeddings of another model, float32 little-endian; a row whose crop does not open stays as it is."""
    crops = {row.id: crop for row, _, crop in opened_rows(vault, [row for row, _ in rows])}
    readable = [(row, data, crops[row.id]) for row, data in rows if row.id in crops]
    items = [item for row, data, crop in readable for item in _items(row.stranger_id, model_digest, data, crop)]
    sealed = iter(vault.seal_many(items))
    for row, _, _ in readable:
        row.embedding, row.crop, row.model_digest = next(sealed), next(sealed), model_digest


def read_likenesses(session: Session, vault: Vault, model_digest: str) -> dict[int, list[Likeness]]:
    """Returns the likenesses of one model by stranger; those that cannot be opened are left out, with a warning."""
    query = select(StrangerTemplateRow).where(StrangerTemplateRow.model_digest == model_digest)
    rows = session.scalars(query.order_by(StrangerTemplateRow.id)).all()
    context = f"{EMBEDDING}:{model_digest}"
    opened = vault.open_many([(subject_of(row.stranger_id), row.embedding, context) for row in rows])
    found, unreadable = defaultdict[int, list[Likeness]](list), 0
    for row, data in zip(rows, opened, strict=True):
        if data is None:
            unreadable += 1
            continue
        likeness = Likeness(row.id, np.frombuffer(data, "<f4"), row.quality, row.camera, row.seen_at)
        found[row.stranger_id].append(likeness)
    if unreadable:
        logger.error("likenesses_unreadable count=%d fix='%s'", unreadable, WHY_UNREADABLE)
    return found


def opened_rows(vault: Vault, rows: Sequence[StrangerTemplateRow]) -> list[tuple[StrangerTemplateRow, bytes, bytes]]:
    """Returns the rows that can be opened, each with its embedding and its crop."""
    opened = vault.open_many([item for row in rows for item in sealed_items(row)])
    pairs = [(row, next(opened), next(opened)) for row in rows]
    return [(row, data, crop) for row, data, crop in pairs if data is not None and crop is not None]


def sealed_items(row: StrangerTemplateRow) -> Iterable[Item]:
    return _items(row.stranger_id, row.model_digest, row.embedding, row.crop)


def _items(stranger_id: int, model_digest: str, embedding: bytes, crop: bytes) -> Iterable[Item]:
    subject = subject_of(stranger_id)
    yield subject, embedding, f"{EMBEDDING}:{model_digest}"
    yield subject, crop, f"{CROP}:{model_digest}"
