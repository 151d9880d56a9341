"""Rows of strangers, in a session of the caller's."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, cast

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from daemon.store import meta
from daemon.store.errors import UnknownStrangerError
from daemon.store.schema import PersonRow, StrangerApartRow, StrangerRow, StrangerTemplateRow
from daemon.store.stranger_records import Likeness, Stranger, StrangerEntry, StrangerState, label_of


def stranger(row: StrangerRow, likenesses: Sequence[Likeness]) -> Stranger:
    state: Literal["open", "ignored"] = "ignored" if row.state == "ignored" else "open"
    return Stranger(row.id, state, row.first_seen, row.last_seen, row.sightings, tuple(likenesses))


def write_strangers(session: Session, strangers: Sequence[Stranger]) -> None:
    for stranger in strangers:
        row = session.get(StrangerRow, stranger.id) or StrangerRow(id=stranger.id, created_at=datetime.now(UTC))
        row.state, row.sightings = stranger.state, stranger.sightings
        row.first_seen, row.last_seen = stranger.first_seen, stranger.last_seen
        session.add(row)
    session.flush()
    newest = max((stranger.id for stranger in strangers), default=0)
    if newest > int(meta.value(session, meta.LAST_STRANGER)):
        meta.set_value(session, meta.LAST_STRANGER, str(newest))


def part(session: Session, apart: frozenset[tuple[int, int]]) -> None:
    known = {
        (first, second)
        for first, second in session.execute(select(StrangerApartRow.first_id, StrangerApartRow.second_id))
    }
    for pair in known - apart:
        session.execute(
            delete(StrangerApartRow).where(tuple_(StrangerApartRow.first_id, StrangerApartRow.second_id) == pair)
        )
    session.add_all(StrangerApartRow(first_id=first, second_id=second) for first, second in apart - known)
    session.flush()


def merge(session: Session, id: int, into: int) -> None:
    """Leaves the row, so that the number in old events still says who it is."""
    session.execute(delete(StrangerTemplateRow).where(StrangerTemplateRow.stranger_id == id))
    session.execute(update(StrangerRow).where(StrangerRow.id == id).values(state="merged", merged_into=into))
    session.execute(update(StrangerRow).where(StrangerRow.merged_into == id).values(merged_into=into))


def with_merged(session: Session, ids: Iterable[int]) -> set[int]:
    """Returns strangers and everybody who was merged into one of them: into whom is always said of the last one."""
    merged = session.scalars(select(StrangerRow.id).where(StrangerRow.merged_into.in_(wanted := set(ids))))
    return wanted | set(merged)


def entries(session: Session, id: int | None) -> list[StrangerEntry]:
    query = select(StrangerRow, PersonRow.name).outerjoin(PersonRow, StrangerRow.person_id == PersonRow.id)
    kept = select(StrangerTemplateRow.stranger_id, StrangerTemplateRow.camera, func.count()).group_by(
        StrangerTemplateRow.stranger_id, StrangerTemplateRow.camera
    )
    if id is not None:
        query, kept = query.where(StrangerRow.id == id), kept.where(StrangerTemplateRow.stranger_id == id)
    cameras = defaultdict[int, dict[str, int]](dict)
    for stranger_id, camera, count in session.execute(kept.order_by(StrangerTemplateRow.camera)):
        cameras[stranger_id][camera] = count
    rows = session.execute(query.order_by(StrangerRow.last_seen.desc(), StrangerRow.id)).all()
    return [_entry(row, cameras[row.id], person) for row, person in rows]


def existing(session: Session, id: int) -> StrangerEntry:
    found = entries(session, id)
    if not found:
        raise UnknownStrangerError(f"there is no {label_of(id)}. `deconvid unknowns list --all` shows everybody")
    return found[0]


def _entry(row: StrangerRow, cameras: Mapping[str, int], person: str | None) -> StrangerEntry:
    return StrangerEntry(
        id=row.id,
        state=cast(StrangerState, row.state),  # the table checks it
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        sightings=row.sightings,
        cameras=tuple(cameras),
        likenesses=sum(cameras.values()),
        merged_into=row.merged_into,
        person=person,
    )
