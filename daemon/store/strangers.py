"""Strangers and their likenesses. Every change counts the crowd's revision up in its own transaction.

The identity worker and commands change them: a change names the revision on which it was thought out, and is refused if
that is not the newest any more.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from daemon.store import meta
from daemon.store.audit import AuditStore
from daemon.store.database import Database
from daemon.store.erasure import Erasure, condemn
from daemon.store.errors import CrowdChangedError, NoLikenessError
from daemon.store.events import Draft, EventStore
from daemon.store.people import PeopleStore
from daemon.store.pictures import SNAPSHOTS_FOLDER, delete_pictures_of_strangers
from daemon.store.records import Enrolment, NewTemplate, Person
from daemon.store.schema import StrangerApartRow, StrangerRow, StrangerTemplateRow
from daemon.store.stranger_records import (
    CrowdChange,
    CrowdSnapshot,
    StrangerCrop,
    StrangerEntry,
    StrangerState,
    label_of,
)
from daemon.store.stranger_rows import entries, existing, merge, part, stranger, with_merged, write_strangers
from daemon.store.stranger_templates import (
    change_key,
    hand_over,
    key_of,
    opened_rows,
    read_likenesses,
    sealed_rows,
    subject_of,
)
from daemon.store.vault import Vault

RECOGNISED: tuple[StrangerState, ...] = ("open", "ignored")
"""States in which a stranger has likenesses."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What is put on record in the audit log."""

    action: str
    stranger: int
    detail: str = ""


class StrangerStore:
    def __init__(
        self,
        database: Database,
        vault: Vault,
        audit: AuditStore,
        erasure: Erasure,
        events: EventStore,
        people: PeopleStore,
    ) -> None:
        self._database, self._vault, self._audit, self._erasure = database, vault, audit, erasure
        self._events, self._people = events, people

    def revision(self) -> int:
        """Returns a number that grows with every change of strangers."""
        with self._database.read() as session:
            return int(meta.value(session, meta.CROWD_REVISION))

    def snapshot(self, model_digest: str) -> CrowdSnapshot:
        """Returns those who can be recognised with a model."""
        query = select(StrangerRow).where(StrangerRow.state.in_(RECOGNISED)).order_by(StrangerRow.id)
        with self._database.read() as session:
            revision = int(meta.value(session, meta.CROWD_REVISION))
            newest = int(meta.value(session, meta.LAST_STRANGER))
            likenesses = read_likenesses(session, self._vault, model_digest)
            rows = session.scalars(query).all()
            pairs = session.execute(select(StrangerApartRow.first_id, StrangerApartRow.second_id)).all()
            newest_likeness = session.scalar(select(func.max(StrangerTemplateRow.id))) or 0
        strangers = {row.id: stranger(row, likenesses[row.id]) for row in rows if row.id in likenesses}
        apart = frozenset((first, second) for first, second in pairs)
        return CrowdSnapshot(revision, strangers, newest, newest_likeness, apart)

    def apply(self, change: CrowdChange, deeds: Iterable[Deed] = (), events: Sequence[Draft] = ()) -> None:
        """Stores a change, what is on record of it and what is said of it, in one transaction.

        Who is gone and nobody else's has no likeness any more. Number and pictures are left for `forget`, since all
        events are looked through for them: see `without_likeness`.

        The key of whom a likeness leaves is destroyed: who was merged needs none, and what stays is sealed with the
        next one. Backups would open for it else, after the likeness was erased with its new owner.

        Raises:
            CrowdChangedError: somebody else changed the strangers meanwhile; nothing was stored.
            StoreError: nothing was stored.
        """
        with self._database.write() as session:
            if int(meta.value(session, meta.CROWD_REVISION)) != change.revision:
                raise CrowdChangedError("the strangers were changed by another process. Try again")
            write_strangers(session, change.written)
            unused = self._write_likenesses(session, change)
            part(session, change.apart)
            for id, into in change.gone.items():
                if into is not None:
                    merge(session, id, into)
                    unused.append(key_of(id, session.get_one(StrangerRow, id).key_version))
            emptied = [id for id, into in change.gone.items() if into is None]
            session.execute(delete(StrangerTemplateRow).where(StrangerTemplateRow.stranger_id.in_(emptied)))
            self._conclude(session, unused, deeds, events)
        if unused:
            self._erasure.destroy_keys()

    def name(self, id: int, name: str, event: Callable[[Person, StrangerEntry], Draft]) -> Person:
        """Enrols a stranger's likenesses as a person's, new or known, and says so; returns the person.

        Args:
            event: makes what is said of it.

        Raises:
            UnknownStrangerError: there is nobody of that number.
            NoLikenessError: nothing of them is left that could be enrolled.
            InvalidNameError: nobody can have that name.
        """
        with self._database.write() as session:
            entry = existing(session, id)
            query = select(StrangerTemplateRow).where(StrangerTemplateRow.stranger_id == id)
            opened = opened_rows(self._vault, session.scalars(query).all())
            if entry.state not in RECOGNISED or not opened:
                fate = fate_of(entry)
                raise NoLikenessError(f"{label_of(id)}: {fate}. `deconvid unknowns list --all` shows everybody")
            [person] = self._people.enrol_in(session, [_enrolment(name, *parts) for parts in opened])
            session.execute(delete(StrangerTemplateRow).where(StrangerTemplateRow.stranger_id == id))
            session.execute(update(StrangerRow).where(StrangerRow.id == id).values(state="named", person_id=person.id))
            deed = Deed("strangers.name", id, f"as person:{person.id}")
            self._conclude(session, (), [deed], [event(person, entry)])
        return person

    def forget(self, ids: Collection[int], action: str) -> None:
        """Destroys the keys of strangers, deletes their rows and their pictures, and takes their numbers out of events;
        so for everybody who was merged into them.

        Raises:
            StoreError: the rows are there, or gone for good.
        """
        with self._database.write() as session:
            everybody = with_merged(session, ids)
            folder = self._database.path.with_name(SNAPSHOTS_FOLDER)
            delete_pictures_of_strangers(session, [label_of(id) for id in everybody], folder)
            keys = [key_of(row.id, row.key_version) for row in _rows(session, everybody).values()]
            session.execute(delete(StrangerRow).where(StrangerRow.id.in_(everybody)))
            self._conclude(session, keys, [Deed(action, id) for id in sorted(ids)])
        self._erasure.finish()

    def entries(self) -> list[StrangerEntry]:
        """Returns what is on record of everybody, who was seen last first."""
        with self._database.read() as session:
            return entries(session, None)

    def is_on_record(self, id: int) -> bool:
        """Whether a number was given, and not forgotten since."""
        with self._database.read() as session:
            return session.get(StrangerRow, id) is not None

    def entry(self, id: int) -> StrangerEntry:
        """Raises UnknownStrangerError."""
        with self._database.read() as session:
            return existing(session, id)

    def crops(self, id: int) -> list[StrangerCrop]:
        """Returns the pictures of a stranger that can be opened, the best one first."""
        query = select(StrangerTemplateRow).where(StrangerTemplateRow.stranger_id == id)
        with self._database.read() as session:
            rows = session.scalars(query.order_by(StrangerTemplateRow.quality.desc())).all()
        opened = opened_rows(self._vault, rows)
        return [StrangerCrop(row.id, row.camera, row.seen_at, row.quality, crop) for row, _, crop in opened]

    def note_view(self, id: int) -> None:
        """Puts on record that somebody had the pictures of a stranger shown."""
        with self._database.write() as session:
            self._audit.append(session, "strangers.view", subject_of(id))

    def not_seen_since(self, state: StrangerState, moment: datetime) -> list[int]:
        """Returns ids, who was away for longest first."""
        query = select(StrangerRow.id).where(StrangerRow.state == state, StrangerRow.last_seen < moment)
        with self._database.read() as session:
            return list(session.scalars(query.order_by(StrangerRow.last_seen)))

    def without_likeness(self) -> list[int]:
        """Returns ids of those who are neither named nor merged, and of whom no face is left."""
        has_likeness = select(StrangerTemplateRow.id).where(StrangerTemplateRow.stranger_id == StrangerRow.id).exists()
        query = select(StrangerRow.id).where(StrangerRow.state.in_(RECOGNISED), ~has_likeness)
        with self._database.read() as session:
            return list(session.scalars(query.order_by(StrangerRow.id)))

    def _write_likenesses(self, session: Session, change: CrowdChange) -> list[str]:
        """Returns the keys that seal nothing any more, of those who are still there."""
        gaining = {to for to, _, _ in change.added.values()} | {to for _, to in change.moved.values()}
        owners = _rows(session, gaining)
        session.add_all(sealed_rows(self._vault, change.model_digest, change.added, owners))
        rows = session.scalars(select(StrangerTemplateRow).where(StrangerTemplateRow.id.in_(change.moved))).all()
        hand_over(self._vault, [(row, owners[change.moved[row.id][1]]) for row in rows])
        dropped = StrangerTemplateRow.id.in_(change.dropped)
        losing = set(session.scalars(select(StrangerTemplateRow.stranger_id).where(dropped)))
        session.execute(delete(StrangerTemplateRow).where(dropped))
        session.flush()
        # What was dropped to make room showed the same person, what was dropped without need somebody else.
        left = {was for was, _ in change.moved.values()} | (losing - gaining)
        return [self._change_key(session, row) for row in _rows(session, left - change.gone.keys()).values()]

    def _change_key(self, session: Session, owner: StrangerRow) -> str:
        query = select(StrangerTemplateRow).where(StrangerTemplateRow.stranger_id == owner.id)
        return change_key(self._vault, owner, session.scalars(query).all())

    def _conclude(
        self, session: Session, unused: Iterable[str], deeds: Iterable[Deed], events: Sequence[Draft] = ()
    ) -> None:
        """Args: unused: keys to be destroyed."""
        condemn(session, unused)
        for deed in deeds:
            self._audit.append(session, deed.action, subject_of(deed.stranger), deed.detail)
        self._events.append_in(session, events)
        meta.count_up(session, meta.CROWD_REVISION)


def fate_of(entry: StrangerEntry) -> str:
    """Returns why somebody cannot be recognised, for people."""
    if entry.merged_into is not None:
        return f"is {label_of(entry.merged_into)} now"
    if entry.state == "named":
        return f"is enrolled as {entry.person}" if entry.person else "was enrolled"
    return "no face is left that can be compared"


def _rows(session: Session, ids: Collection[int]) -> dict[int, StrangerRow]:
    return {row.id: row for row in session.scalars(select(StrangerRow).where(StrangerRow.id.in_(ids)))}


def _enrolment(name: str, row: StrangerTemplateRow, embedding: bytes, crop: bytes) -> Enrolment:
    vector = np.frombuffer(embedding, "<f4")
    template = NewTemplate(vector, row.model_digest, row.quality, crop, source=f"{label_of(row.stranger_id)} {row.id}")
    return Enrolment(name, template)
