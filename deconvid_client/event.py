"""An event as a program sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self

from deconvid_client.errors import NewerDaemonError, UnreadableError

SCHEMA_VERSION = 2
"""Of the newest events that this client understands. Older ones are read too."""
WORDS = ("face.identified", "face.corrected")
"""Kinds of events that may name somebody from now on."""


class Cursor(NamedTuple):
    """A place in the history of a bus. Store it to go on there: `Subscriber(..., after=cursor)`."""

    epoch: str | None
    """Id of the daemon's database; None: the one that it has now."""
    sequence: int
    """Of the last event that was seen."""


class Person(NamedTuple):
    id: int
    """Stays when the person is renamed."""
    name: str


@dataclass(frozen=True, slots=True)
class Event:
    """What the daemon said: docs/events.md lists the kinds and their fields.

    Only what every event has is checked. Fields and kinds that a newer daemon adds are in `data` and `kind`.
    """

    kind: str
    """`face.identified`, `camera.state`, ..."""
    epoch: str
    """Id of the database in which `sequence` counts."""
    sequence: int
    """1, 2, 3 ... without gaps. Epoch and sequence together name an event for ever."""
    data: Mapping[str, Any] = field(hash=False)
    """Every field, as the daemon sent it."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """
        Raises:
            UnreadableError: it is no event.
            NewerDaemonError: its fields may mean what this client cannot know.
        """
        version = data.get("version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise NewerDaemonError(
                f"the daemon sends events of version {version}, this client reads up to {SCHEMA_VERSION}: "
                "update deconvid_client"
            )
        kind, epoch, sequence = data.get("kind"), data.get("epoch"), data.get("sequence")
        if not (isinstance(kind, str) and isinstance(epoch, str) and isinstance(sequence, int) and sequence > 0):
            raise UnreadableError(
                "an event without kind, epoch and sequence. Daemon and client differ: update the older"
            )
        return cls(kind, epoch, sequence, data)

    @property
    def version(self) -> int:
        """Of the schema that its fields follow."""
        return int(self.data["version"])

    @property
    def captured_at(self) -> datetime:
        """When it happened, in UTC: `event.captured_at.astimezone()` is local."""
        return datetime.fromisoformat(self.data["captured_at"])

    @property
    def camera(self) -> str | None:
        """Where it happened; None for events of the daemon itself."""
        return self.data.get("camera")

    @property
    def person(self) -> Person | None:
        """Who it is. None: nobody who is enrolled, or an event that is not about a face."""
        person = self.data.get("person")
        return Person(person["id"], person["name"]) if person else None

    @property
    def recognised(self) -> Person | None:
        """Whom a track is held to be from now on: of `face.identified`, or a `face.corrected` that names somebody.

        Who is unknown at first and recognised a moment later is corrected, not identified.
        """
        return self.person if self.kind in WORDS else None

    @property
    def stranger(self) -> str | None:
        """Under which number an unknown face is known: `unknown-12`. None: it has none yet, or is no unknown face."""
        return self.data.get("stranger")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events a program wants."""

    kinds: Sequence[str] = ()
    """Beginnings of kinds: `face.` is every event about a face; empty: all."""
    cameras: Sequence[str] = ()
    """Names; empty: all, and the events that are of no camera."""

    def __post_init__(self) -> None:
        if isinstance(self.kinds, str) or isinstance(self.cameras, str):
            raise TypeError("kinds and cameras are sequences: write ('face.',), not 'face.'")

    def wants(self, event: Event) -> bool:
        return (not self.kinds or event.kind.startswith(tuple(self.kinds))) and (
            not self.cameras or event.camera in self.cameras
        )
