"""Likenesses of strangers, as they lie in the database: sealed under the key of whom they show."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from daemon.store.schema import StrangerRow, StrangerTemplateRow
from daemon.store.stranger_records import Likeness
from daemon.store.vault import WHY_UNREADABLE, Item, Vault

logger = logging.getLogger(__name__)

EMBEDDING, CROP = "stranger_templates.embedding", "stranger_templates.crop"


def subject_of(stranger_id: int) -> str:
    """Returns what the audit log calls a stranger."""
    return f"stranger:{stranger_id}"


def key_of(stranger_id: int, version: int) -> str:
    """Returns what the vault calls a key of a stranger's.

    >>> key_of(5, 0), key_of(5, 1)
    ('stranger:5', 'stranger:5.1')
    """
    return f"{subject_of(stranger_id)}.{version}" if version else subject_of(stranger_id)


def parse_key(key: str) -> tuple[int, int] | None:
    """Returns whose a key is and its version, None if it is no stranger's.

    >>> parse_key("stranger:5.1"), parse_key("person:5")
    ((5, 1), None)
    """
    kind, _, number = key.partition(":")
    id, _, version = number.partition(".")
    return (int(id), int(version or 0)) if kind == "stranger" else None


def sealed_rows(
    vault: Vault,
    model_digest: str,
    added: Mapping[int, tuple[int, Likeness, bytes]],
    owners: Mapping[int, StrangerRow],
) -> list[StrangerTemplateRow]:
    """Args:
    added: by id of the likeness: whose it is, and its crop.
    owners: rows of these strangers, by id.
    """
    items = [
        item
        for stranger_id, likeness, crop in added.values()
        for item in _items(owners[stranger_id], model_digest, likeness.embedding.astype("<f4").tobytes(), crop)
    ]
    sealed = iter(vault.seal_many(items))
    return [
        StrangerTemplateRow(
            id=likeness.id,
            stranger=owners[stranger_id],
            embedding=next(sealed),
            crop=next(sealed),
            model_digest=model_digest,
            quality=likeness.quality,
            camera=likeness.camera,
            seen_at=likeness.seen_at,
        )
        for stranger_id, likeness, _ in added.values()
    ]


def hand_over(vault: Vault, moved: Sequence[tuple[StrangerTemplateRow, StrangerRow]]) -> None:
    """Makes rows others' who they are given with. What cannot be opened stays so."""
    owners = {row.id: to for row, to in moved}
    opened = opened_rows(vault, [row for row, _ in moved])
    for row, _, _ in opened:
        row.stranger = owners[row.id]
    _seal(vault, opened)


def change_key(vault: Vault, owner: StrangerRow, rows: Sequence[StrangerTemplateRow]) -> str:
    """Seals all the rows of a stranger with a new key; returns the name of the old one, which nothing needs then."""
    old, opened = key_of(owner.id, owner.key_version), opened_rows(vault, rows)
    owner.key_version += 1
    _seal(vault, opened)
    return old


def renew(vault: Vault, rows: Sequence[tuple[StrangerTemplateRow, bytes]], model_digest: str) -> None:
    """Gives rows embeddings of another model, float32 little-endian; a row whose crop does not open stays as it is."""
    crops = {row.id: crop for row, _, crop in opened_rows(vault, [row for row, _ in rows])}
    readable = [(row, data, crops[row.id]) for row, data in rows if row.id in crops]
    for row, _, _ in readable:
        row.model_digest = model_digest
    _seal(vault, readable)


def read_likenesses(session: Session, vault: Vault, model_digest: str) -> dict[int, list[Likeness]]:
    """Returns the likenesses of one model by stranger; those that cannot be opened are left out, with a warning."""
    query = select(StrangerTemplateRow).where(StrangerTemplateRow.model_digest == model_digest)
    rows = session.scalars(query.order_by(StrangerTemplateRow.id)).all()
    context = f"{EMBEDDING}:{model_digest}"
    opened = vault.open_many([(_key(row.stranger), row.embedding, context) for row in rows])
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
    return _items(row.stranger, row.model_digest, row.embedding, row.crop)


def _seal(vault: Vault, opened: Sequence[tuple[StrangerTemplateRow, bytes, bytes]]) -> None:
    """Puts embedding and crop into each row, sealed with the key of whose it is by now."""
    items = [item for row, data, crop in opened for item in _items(row.stranger, row.model_digest, data, crop)]
    sealed = iter(vault.seal_many(items))
    for row, _, _ in opened:
        row.embedding, row.crop = next(sealed), next(sealed)


def _items(owner: StrangerRow, model_digest: str, embedding: bytes, crop: bytes) -> Iterable[Item]:
    key = _key(owner)
    yield key, embedding, f"{EMBEDDING}:{model_digest}"
    yield key, crop, f"{CROP}:{model_digest}"


def _key(owner: StrangerRow) -> str:
    return key_of(owner.id, owner.key_version)
