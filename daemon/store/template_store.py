"""Templates one by one: which files they came from, which model made them, and how one goes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from daemon.store import meta
from daemon.store.audit import AuditStore
from daemon.store.database import Database
from daemon.store.erasure import Erasure
from daemon.store.errors import LastTemplateError, UnknownTemplateError
from daemon.store.gallery_changes import note_change
from daemon.store.names import name_key
from daemon.store.records import ModelCoverage, Template
from daemon.store.schema import PersonRow, TemplateRow
from daemon.store.templates import count_unreadable, sealed_items, sealed_rows, subject_of
from daemon.store.vault import Vault


class TemplateStore:
    def __init__(self, database: Database, vault: Vault, audit: AuditStore, erasure: Erasure) -> None:
        self._database, self._vault, self._audit, self._erasure = database, vault, audit, erasure

    def source_digests(self, name: str) -> frozenset[str]:
        """Returns the SHA-256 of the files with which a person was enrolled; none if there is no such person."""
        query = select(TemplateRow.source_digest).join(PersonRow).where(PersonRow.name_key == name_key(name))
        with self._database.read() as session:
            return frozenset(digest for digest in session.scalars(query) if digest)

    def unreadable(self, name: str) -> int:
        """Returns how many templates of a person cannot be opened; none if there is no such person."""
        query = select(TemplateRow).join(PersonRow).where(PersonRow.name_key == name_key(name))
        with self._database.read() as session:
            return count_unreadable(self._vault, session.scalars(query).all())

    def coverage(self, model_digest: str) -> ModelCoverage:
        """Returns how much of what is stored a model made. Opens nothing."""
        has_template = select(TemplateRow.id).where(TemplateRow.person_id == PersonRow.id)
        with self._database.read() as session:
            return ModelCoverage(
                templates=_count(session, TemplateRow.model_digest == model_digest),
                foreign_templates=_count(session, TemplateRow.model_digest != model_digest),
                people_without=session.scalar(
                    select(func.count())
                    .select_from(PersonRow)
                    .where(
                        has_template.exists(), ~has_template.where(TemplateRow.model_digest == model_digest).exists()
                    )
                )
                or 0,
            )

    def of_other_models(self, model_digest: str, after_id: int, limit: int) -> list[Template]:
        """Returns templates that another model made, by id, from the one after `after_id` on.

        What cannot be opened is empty in them, see `is_readable`.
        """
        query = select(TemplateRow).where(TemplateRow.model_digest != model_digest, TemplateRow.id > after_id)
        with self._database.read() as session:
            rows = session.scalars(query.order_by(TemplateRow.id).limit(limit)).all()
        return opened_or_empty(self._vault, rows)

    def remove(self, person_id: int, template_id: int) -> str:
        """Removes one template with its crop, and its bytes from the database; returns the name of its picture.

        A backup keeps it under the person's key, which other templates need.

        Raises:
            UnknownTemplateError: the person has no such template.
            LastTemplateError: the person has no other one.
            StoreError: the row is gone, but not its bytes: see `Erasure.finish`.
        """
        with self._database.write() as session:
            rows = session.scalars(select(TemplateRow).where(TemplateRow.person_id == person_id)).all()
            row = next((row for row in rows if row.id == template_id), None)
            if row is None:
                raise UnknownTemplateError(
                    f"the person has no photo {template_id}. `deconvid people show NAME` lists those with their ids"
                )
            if len(rows) == 1:
                raise LastTemplateError(
                    f"photo {template_id} is the only one of the person, who could not be recognised without it. Add "
                    "another photo first, or remove the person with `deconvid people erase NAME`"
                )
            source = row.source
            session.delete(row)
            self._audit.append(session, "people.remove_photo", subject_of(person_id), f"photo={template_id}")
            note_change(session, [person_id])
            meta.set_value(session, meta.SCRUB_DUE, "1")
        self._erasure.finish()
        return source

    def renew(self, renewed: Sequence[tuple[Template, NDArray[np.float32]]], model_digest: str) -> int:
        """Replaces the embeddings of templates by those of another model; returns how many were still there.

        All of it or, on error, nothing.
        """
        with self._database.write() as session:
            found = select(TemplateRow).where(TemplateRow.id.in_([template.id for template, _ in renewed]))
            rows = {row.id: row for row in session.scalars(found)}
            # Whoever was erased meanwhile must not get a new key.
            kept = [
                (rows[old.id], replace(old, embedding=new, model_digest=model_digest))
                for old, new in renewed
                if old.id in rows
            ]
            sealed = sealed_rows(self._vault, [(row.person_id, template) for row, template in kept], datetime.now(UTC))
            for (row, _), fresh in zip(kept, sealed, strict=True):
                row.embedding, row.crop, row.model_digest = fresh.embedding, fresh.crop, fresh.model_digest
            if kept:
                self._audit.append(
                    session, "people.reembed", "gallery", f"templates={len(kept)} model={model_digest[:12]}"
                )
                note_change(session, [row.person_id for row, _ in kept])
            return len(kept)


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(TemplateRow).where(condition)) or 0


def opened_or_empty(vault: Vault, rows: Sequence[TemplateRow]) -> list[Template]:
    """Returns the templates of all rows; what cannot be opened, embedding, crop or both, is empty."""
    opened = vault.open_many([item for row in rows for item in sealed_items(row)])
    return [_template(row, next(opened), next(opened)) for row in rows]


def is_readable(template: Template) -> bool:
    """Whether all of it could be opened."""
    return bool(len(template.embedding) and template.crop)


def _template(row: TemplateRow, embedding: bytes | None, crop: bytes | None) -> Template:
    return Template(
        embedding=np.frombuffer(embedding, "<f4") if embedding else np.empty(0, np.float32),
        model_digest=row.model_digest,
        quality=row.quality,
        crop=crop or b"",
        source=row.source,
        source_digest=row.source_digest,
        id=row.id,
        person_id=row.person_id,
        created_at=row.created_at,
    )
