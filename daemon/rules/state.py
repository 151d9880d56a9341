"""What a rule remembers. It holds numbers of events and people, never a name: it is kept in a file over restarts."""

from typing import TypeVar

import msgspec

MOST_TRACKS = 4096
MOST_TOLD = 4096

T = TypeVar("T")


class Held(msgspec.Struct, frozen=True):
    """An event that is told once its face has been in sight for long enough."""

    sequence: int
    due_s: float
    """Seconds since 1970."""
    subject: str
    """Whom its cooldown is of."""


class TrackNote(msgspec.Struct, frozen=True):
    """A face that is in sight."""

    first_seen_s: float
    """Seconds since 1970."""
    told: bool = False
    """Whether anything was told of it."""
    held: Held | None = None


class RuleState(msgspec.Struct, frozen=True):
    tracks: dict[str, TrackNote] = {}
    """By camera and track."""
    told_s: dict[str, float] = {}
    """When each subject was told of last, seconds since 1970."""

    def with_track(self, key: str, note: TrackNote) -> "RuleState":
        return msgspec.structs.replace(self, tracks=_bounded({**self.tracks, key: note}, MOST_TRACKS))

    def without_track(self, key: str) -> "RuleState":
        rest = {other: note for other, note in self.tracks.items() if other != key}
        return msgspec.structs.replace(self, tracks=rest)

    def with_told(self, subject: str, at_s: float) -> "RuleState":
        others = {other: told_s for other, told_s in self.told_s.items() if other != subject}
        return msgspec.structs.replace(self, told_s=_bounded({**others, subject: at_s}, MOST_TOLD))

    def told_by_another(self, sequence: int) -> "RuleState":
        """Returns the state without the hold on an event that another rule has let pass."""
        for key, note in self.tracks.items():
            if note.held and note.held.sequence == sequence:
                return self.with_track(key, msgspec.structs.replace(note, held=None, told=True))
        return self


def _bounded(entries: dict[str, T], most: int) -> dict[str, T]:
    """Drops the oldest one if there are too many; each change adds one at most."""
    if len(entries) > most:
        del entries[next(iter(entries))]
    return entries
