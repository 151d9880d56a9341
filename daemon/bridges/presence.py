"""Who is in sight, as the sensors of a home show it: a state for each camera, out of the stream of events."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import msgspec

from daemon.rules import Sighting, sighting_of
from daemon.rules.sighting import SeenPerson
from daemon.store import EventStore

UNKNOWN = "unknown"
LOOK_BACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CameraPresence:
    face_in_sight: bool
    last_person: str | None
    """A name, or `unknown`; None: nothing was said yet."""


@dataclass(slots=True)
class _Camera:
    tracks: set[str] = field(default_factory=set)
    last: SeenPerson | None = None
    spoken: bool = False


class Presence:
    def __init__(self, cameras: Iterable[str]) -> None:
        self._cameras = {name: _Camera() for name in cameras}

    @classmethod
    def load(cls, cameras: Iterable[str], events: EventStore) -> Self:
        """Returns what the store says of now. Raises StoreError."""
        presence = cls(cameras)
        for stored in events.last_of_each_track(datetime.now(UTC) - LOOK_BACK):
            try:
                presence.see(sighting_of(stored.payload))
            except msgspec.MsgspecError:
                continue
        return presence

    def see(self, event: Sighting) -> None:
        for person_id in event.removed:
            self._forget(person_id)
        camera = self._cameras.get(event.camera or "")
        if camera is None or event.track is None or not event.is_face:
            return
        if event.kind == "face.left":
            camera.tracks.discard(event.track)
        else:
            camera.tracks.add(event.track)
        if event.is_word or event.person:
            camera.last, camera.spoken = event.person, True

    def states(self) -> dict[str, CameraPresence]:
        """By camera."""
        return {
            name: CameraPresence(
                bool(camera.tracks), (camera.last.name if camera.last else UNKNOWN) if camera.spoken else None
            )
            for name, camera in self._cameras.items()
        }

    def _forget(self, person_id: int) -> None:
        for camera in self._cameras.values():
            if camera.last and camera.last.id == person_id:
                camera.last = None
