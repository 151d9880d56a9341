"""The pictures that stored events name, as far as the store has to do with them: they go with the person they show."""

from collections.abc import Collection
from pathlib import Path

from sqlalchemy import ColumnElement, Select, select, tuple_, update
from sqlalchemy.orm import Session

from daemon.store.json_text import cleared, member
from daemon.store.schema import EventRow

SNAPSHOTS_FOLDER = "snapshots"
"""Beside the database."""
_SNAPSHOT = member(EventRow.payload, "snapshot")


def delete_pictures_of(session: Session, person_id: int, folder: Path) -> None:
    """Deletes every picture of the tracks that were ever held to be a person, and the names of these files in events.

    The files go before the transaction is committed: if it fails, events name pictures that are no more, not the
    other way round.

    Raises:
        OSError: a file cannot be deleted.
    """
    tracks = select(EventRow.camera, EventRow.track).where(EventRow.person_id == person_id, EventRow.track.is_not(None))
    delete_pictures_in(session, _of(tracks), folder)


def delete_pictures_of_strangers(session: Session, labels: Collection[str], folder: Path) -> None:
    """Deletes every picture of the tracks that were ever held to be one of these strangers (`unknown-12`), and takes
    these labels out of events.

    Raises:
        OSError: a file cannot be deleted.
    """
    label = member(EventRow.payload, "stranger")
    is_theirs = (EventRow.kind.startswith("face."), label.in_(labels))
    delete_pictures_in(session, _of(select(EventRow.camera, EventRow.track).where(*is_theirs)), folder)
    payload = cleared(EventRow.payload, "stranger")
    session.execute(
        update(EventRow).where(*is_theirs).values(payload=payload), execution_options={"synchronize_session": False}
    )


def delete_pictures_in(session: Session, events: ColumnElement[bool], folder: Path) -> None:
    """Deletes the pictures that some events name, and the names in these events.

    Raises:
        OSError: a file cannot be deleted.
    """
    delete_files_of(session, events, folder)
    payload = cleared(EventRow.payload, "snapshot")
    session.execute(
        update(EventRow).where(events, _SNAPSHOT.is_not(None)).values(payload=payload),
        execution_options={"synchronize_session": False},
    )


def delete_files_of(session: Session, events: ColumnElement[bool], folder: Path) -> None:
    """Deletes the pictures that some events name; these keep the names.

    Raises:
        OSError: a file cannot be deleted.
    """
    for relative in session.scalars(select(_SNAPSHOT).where(events, _SNAPSHOT.is_not(None)).distinct()):
        path = folder / str(relative)
        if path.resolve().is_relative_to(folder.resolve()):
            path.unlink(missing_ok=True)


def _of(tracks: Select[str | None, str | None]) -> ColumnElement[bool]:
    return tuple_(EventRow.camera, EventRow.track).in_(tracks)
