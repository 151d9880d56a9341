"""Likenesses of strangers whoever's they are: which model made them, and how they become another one's."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from daemon.store import meta
from daemon.store.audit import AuditStore
from daemon.store.database import Database
from daemon.store.schema import StrangerTemplateRow
from daemon.store.stranger_records import ForeignLikeness
from daemon.store.stranger_templates import opened_rows, renew
from daemon.store.vault import Vault


class LikenessStore:
    def __init__(self, database: Database, vault: Vault, audit: AuditStore) -> None:
        self._database, self._vault, self._audit = database, vault, audit

    def count_foreign(self, model_digest: str) -> int:
        """Returns how many another model made. Opens nothing."""
        query = select(func.count()).select_from(StrangerTemplateRow)
        with self._database.read() as session:
            return session.scalar(query.where(StrangerTemplateRow.model_digest != model_digest)) or 0

    def of_other_models(self, model_digest: str, after_id: int, limit: int) -> list[ForeignLikeness]:
        """Returns likenesses that another model made, by id, from the one after `after_id` on."""
        query = select(StrangerTemplateRow).where(
            StrangerTemplateRow.model_digest != model_digest, StrangerTemplateRow.id > after_id
        )
        with self._database.read() as session:
            rows = session.scalars(query.order_by(StrangerTemplateRow.id).limit(limit)).all()
        crops = {row.id: crop for row, _, crop in opened_rows(self._vault, rows)}
        return [ForeignLikeness(row.id, row.stranger_id, crops.get(row.id, b"")) for row in rows]

    def renew(self, renewed: Sequence[tuple[ForeignLikeness, NDArray[np.float32]]], model_digest: str) -> int:
        """Replaces the embeddings of likenesses by those of another model; returns how many were still there.

        Whose they are by now counts: strangers may be merged or split meanwhile. All of it or, on error, nothing.
        """
        embeddings = {old.id: new.astype("<f4").tobytes() for old, new in renewed}
        with self._database.write() as session:
            rows = session.scalars(select(StrangerTemplateRow).where(StrangerTemplateRow.id.in_(embeddings))).all()
            renew(self._vault, [(row, embeddings[row.id]) for row in rows], model_digest)
            if rows:
                detail = f"likenesses={len(rows)} model={model_digest[:12]}"
                self._audit.append(session, "strangers.reembed", "strangers", detail)
                meta.count_up(session, meta.CROWD_REVISION)
            return len(rows)
