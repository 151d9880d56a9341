"""Erasing somebody for good: rows, pictures, names in events, and the key that opens every copy of the rows.

Order, so that a crash at any point leaves nothing half there: the rows go in one transaction that condemns the key;
then the key is destroyed; then the file is scrubbed. What was interrupted is finished by whoever opens the store next.
A face that leaves one of several strangers goes the same way (see `StrangerStore.apply`): in one transaction the others
are sealed with the stranger's next key, and the last one is condemned.
"""

import logging
import math
from collections.abc import Iterable, Mapping
from uuid import uuid4

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from daemon.errors import StoreError
from daemon.notify import notify
from daemon.store import meta
from daemon.store.audit import AuditStore
from daemon.store.database import Database
from daemon.store.gallery_changes import note_change
from daemon.store.json_text import cleared
from daemon.store.pictures import SNAPSHOTS_FOLDER, delete_pictures_of, delete_pictures_of_strangers
from daemon.store.schema import AuditRow, CondemnedKeyRow, EventRow, PersonRow, StrangerRow
from daemon.store.stranger_records import label_of
from daemon.store.stranger_rows import with_merged
from daemon.store.stranger_templates import key_of, parse_key
from daemon.store.templates import subject_of
from daemon.store.vault import Vault

logger = logging.getLogger(__name__)

SCRUB_S, SCRUB_S_PER_MB = 60.0, 1.0
"""Longest time that it takes to rewrite a database, on the slowest of memory cards."""


def condemn(session: Session, subjects: Iterable[str]) -> None:
    """To be called in the transaction that deletes the subjects' rows; `Erasure.finish` destroys the keys."""
    for subject in subjects:
        session.merge(CondemnedKeyRow(subject=subject))
    session.flush()


class Erasure:
    """Args:
    scrubs: whether `finish` may rewrite the file, which takes seconds for each gigabyte. A worker that has to give a
        heartbeat leaves that to the next command, or the next start of the daemon.
    """

    def __init__(self, database: Database, vault: Vault, audit: AuditStore, scrubs: bool) -> None:
        self._database, self._vault, self._audit, self._scrubs = database, vault, audit, scrubs

    def erase_person(self, session: Session, person_id: int, action: str = "people.erase") -> None:
        """Deletes everything that the database and the snapshots have of a person; `finish` does the rest."""
        folder = self._database.path.with_name(SNAPSHOTS_FOLDER)
        delete_pictures_of(session, person_id, folder)
        payload = cleared(EventRow.payload, "person")
        named = update(EventRow).where(EventRow.person_id == person_id).values(person_id=None, payload=payload)
        session.execute(named)
        strangers = _strangers_named(session, person_id)
        delete_pictures_of_strangers(session, [label_of(id) for id in strangers], folder)
        session.execute(delete(StrangerRow).where(StrangerRow.id.in_(strangers)))
        session.execute(delete(PersonRow).where(PersonRow.id == person_id))
        condemn(session, [subject_of(person_id), *(key_of(*of) for of in strangers.items())])
        self._audit.append(session, action, subject_of(person_id))
        note_change(session, [person_id])
        meta.set_value(session, meta.SCRUB_DUE, "1")

    def finish(self) -> None:
        """Destroys condemned keys and removes the bytes of erased rows.

        Raises:
            StoreError: another process reads for longer than the busy timeout.
        """
        self._destroy_condemned()
        if not self._scrubs:
            return
        with self._database.read() as session:
            if meta.value(session, meta.SCRUB_DUE) == "0":
                return
        # Who erases while the file is rewritten writes over the mark: it is due again, for their rows may be in it.
        mark = uuid4().hex
        with self._database.write() as session:
            meta.set_value(session, meta.SCRUB_DUE, mark)
        self._ask_for_time()
        self._database.scrub()
        with self._database.write() as session:
            meta.replace_value(session, meta.SCRUB_DUE, mark, "0")

    def destroy_keys(self) -> None:
        """Destroys condemned keys, after a change that holds in any case: what fails is done by whoever opens the
        store next."""
        try:
            self._destroy_condemned()
        except StoreError as error:
            logger.warning("keys_not_destroyed reason='%s'", error)

    def forget_again(self) -> None:
        """Erases whoever is in the database though their key was destroyed: a backup from before was put back."""
        destroyed = self._vault.ring.destroyed()
        if not destroyed:
            return
        with self._database.read() as session:
            returned = [id for id in session.scalars(select(PersonRow.id)) if subject_of(id) in destroyed]
            strangers = [id for id, version in _key_versions(session).items() if key_of(id, version) in destroyed]
        if not returned and not strangers:
            return
        logger.warning("erased_people_were_restored people=%d strangers=%d", len(returned), len(strangers))
        with self._database.write() as session:
            session.execute(delete(StrangerRow).where(StrangerRow.id.in_(with_merged(session, strangers))))
            for id in returned:
                self.erase_person(session, id, "people.erase_again")

    def condemn_again(self) -> None:
        """Condemns the keys that are back though whom they belong to was erased: an older key ring was put back."""
        returned = self.returned_keys()
        if not returned:
            return
        logger.warning("erased_keys_were_restored keys=%d", len(returned))
        with self._database.write() as session:
            condemn(session, returned)

    def returned_keys(self) -> list[str]:
        """Returns the subjects that have a key though their erasure is on record.

        A key without a row is not enough: it may be of an enrolment that is not committed yet.
        """
        with self._database.read() as session:
            newest = int(meta.value(session, meta.LAST_STRANGER))  # first: who comes meanwhile is not taken for gone
            living = {subject_of(id) for id in session.scalars(select(PersonRow.id))}
            versions = _key_versions(session)
            living |= {key_of(*of) for of in versions.items()}
            condemned = session.scalars(select(CondemnedKeyRow.subject)).all()
            without_row = self._vault.ring.held() - living - set(condemned)
            if not without_row:
                return []
            erasures = select(AuditRow.subject).where(AuditRow.action.startswith("people.erase"))
            erased = set(session.scalars(erasures))
        # Not every end of a stranger or a key is in the audit log, but numbers and versions only grow.
        return sorted(s for s in without_row if s in erased or _is_of_the_past(s, newest, versions))

    def _ask_for_time(self) -> None:
        """On the daemon's start: systemd would end this one after TimeoutStartSec, and each one after it."""
        longest_s = SCRUB_S + SCRUB_S_PER_MB * self._database.size_bytes() / 1e6
        notify(f"EXTEND_TIMEOUT_USEC={longest_s * 1e6:.0f}")

    def _destroy_condemned(self) -> None:
        with self._database.read() as session:
            condemned = session.scalars(select(CondemnedKeyRow.subject)).all()
        if not condemned:
            return
        self._vault.destroy(*condemned)
        with self._database.write() as session:
            session.execute(delete(CondemnedKeyRow).where(CondemnedKeyRow.subject.in_(condemned)))


def _key_versions(session: Session) -> dict[int, int]:
    """Returns which key each stranger has; who was merged has none."""
    query = select(StrangerRow.id, StrangerRow.key_version).where(StrangerRow.state != "merged")
    return {row.id: row.key_version for row in session.execute(query)}


def _is_of_the_past(key: str, newest: int, versions: Mapping[int, int]) -> bool:
    """Whether a stranger had this key. A later one than today's may be of a change that is not committed yet."""
    if (parsed := parse_key(key)) is None:
        return False
    stranger, version = parsed
    return stranger <= newest and version < versions.get(stranger, math.inf)


def _strangers_named(session: Session, person_id: int) -> dict[int, int]:
    """Returns the strangers who turned out to be a person, and those who were merged into one of them; of each, the
    version of its key."""
    named = select(StrangerRow.id).where(StrangerRow.person_id == person_id).cte(recursive=True)
    merged = select(StrangerRow.id).join(named, StrangerRow.merged_into == named.c.id)
    everybody = select(named.union(merged).c.id)
    query = select(StrangerRow.id, StrangerRow.key_version).where(StrangerRow.id.in_(everybody))
    return {row.id: row.key_version for row in session.execute(query)}
