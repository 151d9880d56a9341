"""People and their templates. Every change bumps the gallery's revision in its own transaction."""

from datetime import UTC, datetime

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from daemon.store.database import Database
from daemon.store.errors import NameTakenError, UnknownPersonError
from daemon.store.names import name_key, normalise_name
from daemon.store.pictures import SNAPSHOTS_FOLDER, delete_pictures_of
from daemon.store.records import GallerySnapshot, NewTemplate, Person, Template
from daemon.store.schema import EventRow, MetaRow, PersonRow, TemplateRow

REVISION = "gallery_revision"
SCRUB_DUE = "scrub_due"
"""1 from the erasure of a person's rows until their bytes are gone too."""


class PeopleStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def enrol(self, name: str, template: NewTemplate) -> Person:
        """Adds a template to the person of that name, who is made if there is none.

        Raises:
            InvalidNameError: nobody can have that name.
        """
        now = datetime.now(UTC)
        with self._database.write() as session:
            row = _find(session, name)
            if row is None:
                row = PersonRow(name=normalise_name(name), name_key=name_key(name), created_at=now)
                session.add(row)
                session.flush()
            session.add(_template_row(row.id, template, now))
            _bump_revision(session)
            return _person(session, row)

    def rename(self, old: str, new: str) -> Person:
        """Raises UnknownPersonError, NameTakenError or InvalidNameError."""
        with self._database.write() as session:
            row = _get(session, old)
            other = _find(session, new)
            if other is not None and other.id != row.id:
                raise NameTakenError(f"the name {other.name!r} belongs to another person. Choose a different one")
            row.name, row.name_key = normalise_name(new), name_key(new)
            _bump_revision(session)
            return _person(session, row)

    def erase(self, name: str) -> Person:
        """Removes the person, the templates, the snapshots, and every trace in the stored events; returns who it was.

        When it returns, no byte of the name, the embeddings or the crops is left in the database file or its log.
        (Backups made before still hold them.)

        Raises:
            UnknownPersonError: there is no such person.
            StoreError: the rows are gone, but not their bytes: see `finish_erasure`.
        """
        with self._database.write() as session:
            row = _get(session, name)
            erased = _person(session, row)
            delete_pictures_of(session, row.id, self._database.path.with_name(SNAPSHOTS_FOLDER))
            payload = func.json_set(EventRow.payload, "$.person", None)
            session.execute(
                update(EventRow).where(EventRow.person_id == row.id).values(person_id=None, payload=payload)
            )
            session.execute(delete(PersonRow).where(PersonRow.id == row.id))
            _bump_revision(session)
            _set(session, SCRUB_DUE, "1")
        self.finish_erasure()
        return erased

    def finish_erasure(self) -> None:
        """Removes the bytes of rows that were erased, if that was interrupted or held up by a reader before.

        Raises:
            StoreError: another process reads for longer than the busy timeout.
        """
        with self._database.read() as session:
            if _value(session, SCRUB_DUE) == "0":
                return
        self._database.scrub()
        with self._database.write() as session:
            _set(session, SCRUB_DUE, "0")

    def all(self) -> list[Person]:
        """Everybody, by name."""
        with self._database.read() as session:
            rows = session.scalars(select(PersonRow).order_by(PersonRow.name_key)).all()
            return [_person(session, row) for row in rows]

    def find(self, name: str) -> Person | None:
        with self._database.read() as session:
            row = _find(session, name)
            return None if row is None else _person(session, row)

    def get(self, name: str) -> Person:
        """Raises UnknownPersonError."""
        with self._database.read() as session:
            return _person(session, _get(session, name))

    def templates(self, person_id: int) -> list[Template]:
        """Returns the person's templates, oldest first."""
        query = select(TemplateRow).where(TemplateRow.person_id == person_id).order_by(TemplateRow.id)
        with self._database.read() as session:
            return [_template(row) for row in session.scalars(query)]

    def revision(self) -> int:
        """Returns a number that grows with every change of people or templates."""
        with self._database.read() as session:
            return _revision(session)

    def gallery(self, model_digest: str) -> GallerySnapshot:
        """Returns everybody's templates of one model."""
        query = select(TemplateRow.person_id, TemplateRow.embedding).where(TemplateRow.model_digest == model_digest)
        with self._database.read() as session:
            rows = session.execute(query.order_by(TemplateRow.person_id, TemplateRow.id)).all()
            people = session.execute(select(PersonRow.id, PersonRow.name)).all()
            revision = _revision(session)
        embeddings = [np.frombuffer(row.embedding, "<f4") for row in rows]
        return GallerySnapshot(
            revision=revision,
            people={row.id: row.name for row in people},
            person_ids=np.array([row.person_id for row in rows], np.int64),
            embeddings=np.stack(embeddings) if embeddings else np.empty((0, 0), np.float32),
        )


def _find(session: Session, name: str) -> PersonRow | None:
    return session.scalars(select(PersonRow).where(PersonRow.name_key == name_key(name))).one_or_none()


def _get(session: Session, name: str) -> PersonRow:
    row = _find(session, name)
    if row is None:
        raise UnknownPersonError(f"there is no person named {name!r}. `deconvid people list` shows everybody")
    return row


def _person(session: Session, row: PersonRow) -> Person:
    count = session.scalar(select(func.count()).select_from(TemplateRow).where(TemplateRow.person_id == row.id))
    return Person(id=row.id, name=row.name, created_at=row.created_at, template_count=count or 0)


def _template_row(person_id: int, template: NewTemplate, now: datetime) -> TemplateRow:
    return TemplateRow(
        person_id=person_id,
        embedding=template.embedding.astype("<f4").tobytes(),
        model_digest=template.model_digest,
        quality=template.quality,
        crop=template.crop,
        source=template.source,
        created_at=now,
    )


def _template(row: TemplateRow) -> Template:
    return Template(
        embedding=np.frombuffer(row.embedding, "<f4"),
        model_digest=row.model_digest,
        quality=row.quality,
        crop=row.crop,
        source=row.source,
        id=row.id,
        person_id=row.person_id,
        created_at=row.created_at,
    )


def _revision(session: Session) -> int:
    return int(_value(session, REVISION))


def _bump_revision(session: Session) -> None:
    _set(session, REVISION, str(_revision(session) + 1))


def _value(session: Session, key: str) -> str:
    return session.scalars(select(MetaRow.value).where(MetaRow.key == key)).one()


def _set(session: Session, key: str, value: str) -> None:
    session.execute(update(MetaRow).where(MetaRow.key == key).values(value=value))
