"""Who was before a camera at the same time: two faces in one picture are two people. Pure."""

from collections import OrderedDict
from dataclasses import dataclass

from daemon.identity.tracks import Stay, TrackKey, TrackState

MOST = 1024
"""Sightings that are remembered, the newest ones: whoever overlaps with a track that ends now was seen of late."""


@dataclass(frozen=True, slots=True)
class Presence:
    stranger: int
    stay: Stay


class Company:
    def __init__(self) -> None:
        self._presences: OrderedDict[TrackKey, Presence] = OrderedDict()

    def note(self, track: TrackState, stranger: int) -> None:
        """Remembers who a track was, and for how long it has been there."""
        key = track.camera, track.track
        self._presences[key] = Presence(stranger, track.stay)
        self._presences.move_to_end(key)
        if len(self._presences) > MOST:
            self._presences.popitem(last=False)

    def forget(self, track: TrackState) -> None:
        """Forgets who a track was: it is no stranger."""
        self._presences.pop((track.camera, track.track), None)

    def beside(self, track: TrackState) -> set[int]:
        """Returns the strangers who were seen by the track's camera, as other tracks, while it was."""
        return {
            presence.stranger
            for (camera, name), presence in self._presences.items()
            if camera == track.camera and name != track.track and _overlap(presence.stay, track.stay)
        }


def _overlap(one: Stay, other: Stay) -> bool:
    return one.first_seen_wall_ns < other.last_seen_wall_ns and other.first_seen_wall_ns < one.last_seen_wall_ns
