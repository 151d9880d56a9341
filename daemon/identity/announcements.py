"""What is to be said, as events that have no number yet; and what had been said before a restart."""

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from daemon.events.schema import (
    NOTICE_EVENTS,
    Appeared,
    CameraChanged,
    Corrected,
    FaceEvent,
    GalleryChanged,
    Identified,
    Left,
    NoticeEvent,
    Person,
    Unknown,
    Word,
    decode_event,
    rfc3339,
)
from daemon.identity.decision import Decision
from daemon.identity.gallery import Gallery, KnownPerson
from daemon.identity.tracks import Look, TrackState
from daemon.messages import CameraStateChanged, Notice
from daemon.store import StoredEvent
from daemon.store.stranger_records import id_of, label_of


def appearance(track: TrackState, look: Look) -> Appeared:
    """Returns the event that tells that somebody is there."""
    return Appeared(
        camera=track.camera,
        track=track.track,
        captured_at=rfc3339(track.first_seen_wall_ns),
        box=look.box,
        frame_size=look.frame_size,
    )


def announcement(track: TrackState, decision: Decision, now_wall_ns: int) -> Word | None:
    """Returns the event that tells a new decision, None if it says nothing new.

    The first word about a track is `identified` or `unknown`; everything that contradicts it later is `corrected`,
    because a subscriber has already acted on the first word.
    """
    if decision.is_open or decision.says_the_same_as(track.decision):
        return None
    look = track.look
    return _kind_of(track, decision)(
        camera=track.camera,
        track=track.track,
        captured_at=rfc3339(look.captured_wall_ns if look else now_wall_ns),
        person=_person(decision),
        score=decision.score,
        box=look.box if look else None,
        frame_size=look.frame_size if look else None,
        stranger=_stranger(track, decision),
    )


def _kind_of(track: TrackState, decision: Decision) -> Callable[..., Word]:
    if track.said is not None:
        return partial(Corrected, corrects=track.said)
    return Identified if decision.state == "identified" else Unknown


def farewell(track: TrackState) -> Left | None:
    """Returns the event that ends a track, None if nothing was said about it."""
    if not track.appeared:
        return None
    last_seen_at = rfc3339(track.stay.last_seen_wall_ns)
    return Left(
        camera=track.camera,
        track=track.track,
        captured_at=last_seen_at,
        person=_person(track.decision),
        score=track.decision.score,
        box=track.look.box if track.look else None,
        frame_size=track.look.frame_size if track.look else None,
        stranger=_stranger(track, track.decision),
        first_seen_at=rfc3339(track.stay.first_seen_wall_ns),
        last_seen_at=last_seen_at,
    )


def camera_changed(change: CameraStateChanged) -> CameraChanged:
    return CameraChanged(
        camera=change.camera,
        captured_at=rfc3339(change.at_wall_ns),
        state=change.state,
        detail=change.detail,
    )


def gallery_changed(changed: Mapping[int, bool], gallery: Gallery, now_wall_ns: int) -> GalleryChanged | None:
    """Returns the event that tells who changed, None if nobody did.

    Args:
        changed: who may have, and whether the person was known before.
        gallery: of now.
        now_wall_ns: when it is told.
    """
    added = [id for id, was_known in changed.items() if not was_known and id in gallery]
    removed = [id for id, was_known in changed.items() if was_known and id not in gallery]
    others = [id for id, was_known in changed.items() if was_known and id in gallery]
    if not (added or others or removed):
        return None
    return GalleryChanged(
        captured_at=rfc3339(now_wall_ns), revision=gallery.revision, added=added, changed=others, removed=removed
    )


def notice_event(notice: Notice) -> NoticeEvent:
    return NOTICE_EVENTS[notice.kind](
        captured_at=rfc3339(notice.at_wall_ns),
        subject=notice.subject,
        detail=notice.detail,
        actor=notice.actor,
    )


def remembered(stored: StoredEvent) -> TrackState | None:
    """Returns a track as its last stored event left it, None if it ended or the event is of another version."""
    try:
        event = decode_event(stored.payload)
    except msgspec.MsgspecError:
        return None
    if not isinstance(event, FaceEvent) or isinstance(event, Left):
        return None
    seen_wall_ns = int(stored.at.timestamp()) * 1_000_000_000 + stored.at.microsecond * 1000
    state = TrackState(event.camera, event.track, seen_wall_ns, appeared=True)
    state.stranger = id_of(event.stranger) if event.stranger else None
    if isinstance(event, Word):
        state.decision, state.said = _decision(event), event.sequence
    return state


def _decision(word: Word) -> Decision:
    if word.person is None:
        return Decision("unknown", score=word.score)
    return Decision("identified", KnownPerson(word.person.id, word.person.name), word.score)


def _person(decision: Decision) -> Person | None:
    return None if decision.person is None else Person(decision.person.id, decision.person.name)


def _stranger(track: TrackState, decision: Decision) -> str | None:
    return None if decision.person or track.stranger is None else label_of(track.stranger)
