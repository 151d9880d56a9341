"""People and their templates. Every change bumps the gallery's revision in its own transaction."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from daemon.batches import batches
from daemon.errors import StoreError
from daemon.store import meta
from daemon.store.audit import AuditStore
from daemon.store.database import Database
from daemon.store.erasure import Erasure
from daemon.store.errors import NameTakenError, UnknownPersonError
from daemon.store.gallery_changes import note_change, read_changed, read_revision
from daemon.store.names import name_key, normalise_name
from daemon.store.records import Consent, Enrolment, GalleryNews, GallerySnapshot, NewTemplate, Person, Template
from daemon.store.schema import PersonRow, TemplateRow, is_valid
from daemon.store.source_files import files_of
from daemon.store.template_store import opened_or_empty
from daemon.store.templates import opened_rows, read_embeddings, sealed_rows, subject_of
from daemon.store.vault import Vault

SEALED_AT_ONCE = 1000


class ConsentEndedError(StoreError):
    """Nobody is recognised as this person any more, who is erased soon: nothing may be added."""


class PeopleStore:
    def __init__(self, database: Database, vault: Vault, audit: AuditStore, erasure: Erasure) -> None:
        self._database, self._vault, self._audit, self._erasure = database, vault, audit, erasure

    def enrol(self, name: str, template: NewTemplate) -> Person:
        """Adds a template to the person of that name, who is made if there is none.

        Raises:
            InvalidNameError: nobody can have that name.
            ConsentEndedError: that of the person of that name has ended.
        """
        [person] = self.enrol_all([Enrolment(name, template)])
        return person

    def enrol_all(
        self,
        enrolments: Iterable[Enrolment],
        action: str = "people.enrol",
        tell_known: Callable[[Enrolment], None] | None = None,
    ) -> list[Person]:
        """Adds templates to the people of these names, who are made if there are none: all of it or, on error, nothing.

        Args:
            enrolments: any number; only some of them are held in memory.
            action: what the audit log calls it.
            tell_known: is called with each whose file the person is enrolled with already, which is not added then;
                None: these are added too.

        Returns:
            Each person once.

        Raises:
            InvalidNameError: nobody can have a name.
            ConsentEndedError: that of somebody who was enrolled before has ended, and no other one comes with it.
        """
        with self._database.write() as session:
            return self.enrol_in(session, enrolments, action, tell_known)

    def enrol_in(
        self,
        session: Session,
        enrolments: Iterable[Enrolment],
        action: str = "people.enrol",
        tell_known: Callable[[Enrolment], None] | None = None,
    ) -> list[Person]:
        """Adds templates, as `enrol_all` does, together with what else its caller writes."""
        now = datetime.now(UTC)
        rows: dict[str, PersonRow] = {}
        changed: set[int] = set()
        for part in batches(enrolments, SEALED_AT_ONCE):
            placed: list[tuple[PersonRow, Enrolment]] = []
            for enrolment in part:
                key = name_key(enrolment.name)
                row = rows[key] = rows.get(key) or _find_or_make(session, enrolment.name, now)
                placed.append((row, enrolment))
            # Under the write lock: another process may have enrolled the file since its caller looked.
            known = files_of(session, {row.id for row, _ in placed}) if tell_known else frozenset()
            added: list[tuple[int, NewTemplate]] = []
            for row, enrolment in placed:
                if tell_known and (row.id, enrolment.template.source_digest) in known:
                    tell_known(enrolment)
                    continue
                if row.created_at != now:  # an import may make people whose consent has ended
                    _demand_consent(row.name, enrolment.consent or row, now)
                added.append((row.id, enrolment.template))
                changed.add(row.id)
                if enrolment.consent:
                    _set_consent(row, enrolment.consent, now)
            templates = list(sealed_rows(self._vault, added, now))
            session.add_all(templates)
            session.flush()
            for template in templates:
                session.expunge(template)
        ids = [row.id for row in rows.values() if row.id in changed]
        for id in ids:
            self._record(session, action, id)
        for some in batches(ids, SEALED_AT_ONCE):
            note_change(session, some)
        return [_person(session, row) for row in rows.values()]

    def check_consent(self, name: str, consent: Consent | None = None) -> None:
        """Tells beforehand what `enrol` would refuse, and who would be recognised by nobody.

        Args:
            consent: that comes with what is to be added; None: the one on record holds.

        Raises:
            ConsentEndedError: it has ended.
            InvalidNameError: nobody can have that name.
        """
        with self._database.read() as session:
            row = _find(session, name)
            _demand_consent(row.name if row else name, consent or row, datetime.now(UTC))

    def rename(self, old: str, new: str) -> Person:
        """Raises UnknownPersonError, NameTakenError or InvalidNameError."""
        with self._database.write() as session:
            row = _get(session, old)
            other = _find(session, new)
            if other is not None and other.id != row.id:
                raise NameTakenError(f"the name {other.name!r} belongs to another person. Choose a different one")
            row.name, row.name_key = normalise_name(new), name_key(new)
            self._record(session, "people.rename", row.id)
            note_change(session, [row.id])
            return _person(session, row)

    def set_consent(self, name: str, consent: Consent) -> Person:
        """Puts on record why somebody may be recognised, and for how long. Raises UnknownPersonError."""
        with self._database.write() as session:
            row = _get(session, name)
            self._renew_consent(session, row, consent)
            note_change(session, [row.id])
            return _person(session, row)

    def renew_consents(self, consents: Mapping[str, Consent]) -> list[str]:
        """Puts on record what differs from what is, by name: all of it or, on error, nothing. Who is not enrolled is
        passed over.

        Returns:
            Names of the people whose consent is another now.
        """
        renewed: list[PersonRow] = []
        with self._database.write() as session:
            for name, consent in consents.items():
                row = _find(session, name)
                if row is not None and (row.consent_basis, row.expires_at) != (consent.basis, consent.expires_at):
                    self._renew_consent(session, row, consent)
                    renewed.append(row)
            for some in batches((row.id for row in renewed), SEALED_AT_ONCE):
                note_change(session, some)
            return [row.name for row in renewed]

    def erase(self, name: str) -> Person:
        """Removes the person, the templates, the snapshots, and every trace in the stored events; returns who it was.

        When it returns, no byte of the name, the embeddings or the crops is left in the database file or its log, and
        the key is destroyed that opened them in backups. (Backups made before still hold the name.)

        Raises:
            UnknownPersonError: there is no such person.
            StoreError: the rows are gone, but not their bytes: see `Erasure.finish`.
        """
        with self._database.write() as session:
            row = _get(session, name)
            erased = _person(session, row)
            self._erasure.erase_person(session, row.id)
        self._erasure.finish()
        return erased

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

    def templates(self, person_id: int, *, with_unreadable: bool = False) -> list[Template]:
        """Returns the person's templates, oldest first.

        Args:
            with_unreadable: also those that cannot be opened, of which embedding or crop is empty; see `is_readable`.

        Raises:
            UnreadableError: one cannot be opened, and is not to be there.
            MasterKeyError: none can.
        """
        query = select(TemplateRow).where(TemplateRow.person_id == person_id).order_by(TemplateRow.id)
        with self._database.read() as session:
            rows = session.scalars(query).all()
        return opened_or_empty(self._vault, rows) if with_unreadable else list(opened_rows(self._vault, rows))

    def revision(self) -> int:
        """Returns a number that grows with every change of people or templates."""
        with self._database.read() as session:
            return read_revision(session)

    def changed(self, since: int | None = None) -> GalleryNews:
        """Returns who changed after a revision of the gallery; everybody, if it is None."""
        with self._database.read() as session:
            return GalleryNews(read_revision(session), read_changed(session, since))

    def gallery(
        self, model_digest: str, ids: Collection[int] | None = None, *, with_expired: bool = False
    ) -> GallerySnapshot:
        """Returns templates of one model of people whose consent holds; what cannot be opened is left out, and logged.

        Args:
            model_digest: of the embedder.
            ids: whose; None: everybody's. At most 10,000.
            with_expired: also of people whose consent ran out. Nobody may be recognised by these.
        """
        now = None if with_expired else datetime.now(UTC)
        query = select(PersonRow.id, PersonRow.name)
        if now is not None:
            query = query.where(is_valid(now))
        if ids is not None:
            query = query.where(PersonRow.id.in_(ids))
        with self._database.read() as session:
            person_ids, embeddings = read_embeddings(session, self._vault, model_digest, now, ids)
            people = session.execute(query).all()
            revision = read_revision(session)
        return GallerySnapshot(revision, {row.id: row.name for row in people}, person_ids, embeddings)

    def _renew_consent(self, session: Session, row: PersonRow, consent: Consent) -> None:
        _set_consent(row, consent, datetime.now(UTC))
        until = f"until {row.expires_at:%Y-%m-%dT%H:%MZ}" if row.expires_at else "without end"
        self._record(session, "people.consent", row.id, until)

    def _record(self, session: Session, action: str, person_id: int, detail: str = "") -> None:
        self._audit.append(session, action, subject_of(person_id), detail)


def _find(session: Session, name: str) -> PersonRow | None:
    return session.scalars(select(PersonRow).where(PersonRow.name_key == name_key(name))).one_or_none()


def _find_or_make(session: Session, name: str, now: datetime) -> PersonRow:
    row = _find(session, name)
    if row is None:
        row = PersonRow(name=normalise_name(name), name_key=name_key(name), created_at=now)
        row.id = meta.count_up(session, meta.LAST_PERSON)
        session.add(row)
        session.flush()
    return row


def _get(session: Session, name: str) -> PersonRow:
    row = _find(session, name)
    if row is None:
        raise UnknownPersonError(f"there is no person named {name!r}. `deconvid people list` shows everybody")
    return row


def _person(session: Session, row: PersonRow) -> Person:
    count = session.scalar(select(func.count()).select_from(TemplateRow).where(TemplateRow.person_id == row.id))
    return Person(
        id=row.id,
        name=row.name,
        created_at=row.created_at,
        template_count=count or 0,
        consent_basis=row.consent_basis,
        consent_at=row.consent_at,
        expires_at=row.expires_at,
    )


def _set_consent(row: PersonRow, consent: Consent, now: datetime) -> None:
    row.consent_basis, row.consent_at, row.expires_at = consent.basis, consent.given_at or now, consent.expires_at


def _demand_consent(name: str, consent: Consent | PersonRow | None, now: datetime) -> None:
    if consent is None or consent.expires_at is None or consent.expires_at > now:
        return
    # The moment after it: the last day is the one before.
    day = f"{consent.expires_at - timedelta(microseconds=1):%Y-%m-%d}"
    fix = f'Put a new one on record first: `deconvid people consent "{name}" --basis WHY --expires DATE`'
    if isinstance(consent, Consent):
        fix = "Give a day that is to come with the photos"
    raise ConsentEndedError(f"the consent of {name!r} ended on {day}, and nobody is recognised as them. {fix}")
