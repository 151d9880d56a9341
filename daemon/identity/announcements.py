"""What is to be said, as events that have no number yet; and what had been said before a restart."""

from collections.abc import Callable
from functools import partial

import msgspec

from daemon.events.schema import (
    AnyEvent,
    CameraChanged,
    Corrected,
    Identified,
    Left,
    Person,
    Unknown,
    decode_event,
    rfc3339,
)
from daemon.identity.decision import Decision
from daemon.identity.gallery import KnownPerson
from daemon.identity.tracks import TrackState
from daemon.messages import CameraStateChanged
from daemon.store import StoredEvent


def announcement(track: TrackState, decision: Decision, now_wall_ns: int) -> AnyEvent | None:
    """Returns the event that tells a new decision, None if it says nothing new.

    The first word about a track is `identified` or `unknown`; everything that contradicts it later is `corrected`,
    because a subscriber has already acted on the first word.
    """
    if decision.state == "pending" or decision.says_the_same_as(track.decision):
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
    )


def _kind_of(track: TrackState, decision: Decision) -> Callable[..., AnyEvent]:
    if track.said is not None:
        return partial(Corrected, corrects=track.said)
    return Identified if decision.state == "identified" else Unknown


def farewell(track: TrackState) -> Left | None:
    """Returns the event that ends a track, None if nothing was said about it."""
    if track.said is None:
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


def remembered(stored: StoredEvent) -> TrackState | None:
    """Returns a track as its last stored event left it, None if it ended or the event is of another version."""
    try:
        event = decode_event(stored.payload)
    except msgspec.MsgspecError:
        return None
    if isinstance(event, Left) or event.track is None:
        return None
    seen_wall_ns = int(stored.at.timestamp()) * 1_000_000_000 + stored.at.microsecond * 1000
    if event.person is None:
        decision = Decision("unknown", score=event.score)
    else:
        decision = Decision("identified", KnownPerson(event.person.id, event.person.name), event.score)
    return TrackState(event.camera, event.track, seen_wall_ns, decision, said=event.sequence)


def _person(decision: Decision) -> Person | None:
    return None if decision.person is None else Person(decision.person.id, decision.person.name)
