"""Says what is new about a track. What cannot be stored is left for the track's next look or the chores."""

import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import msgspec

from daemon.events.schema import FaceEvent, Word
from daemon.identity.announcements import announcement, appearance, farewell
from daemon.identity.decision import Decision
from daemon.identity.tracks import TrackState
from daemon.identity.voice import Voice
from daemon.snapshots.store import SnapshotStore

Spoken = TypeVar("Spoken", bound=FaceEvent)


class Teller:
    def __init__(
        self,
        voice: Voice,
        decide: Callable[[TrackState], Decision],
        snapshots: SnapshotStore,
        counts: Counter[str],
        forget: Callable[[TrackState], None],
    ) -> None:
        """
        Args:
            decide: returns what is to be held of a track now.
            snapshots: the pictures that events name.
            counts: `decisions.*`.
            forget: is called with each track whose farewell is stored, or about which nothing was ever said.
        """
        self._voice, self._decide, self._snapshots, self._counts = voice, decide, snapshots, counts
        self._forget = forget

    def reconsider(self, track: TrackState) -> None:
        """Decides about a track and says what changed."""
        track.unsaid = False
        self._tell_appearance(track)
        decision = self._decide(track)
        word = announcement(track, decision, time.time_ns())
        if word is None:
            track.decision = decision
        elif track.telling:
            self._voice.flush()  # it corrects a word that has no number yet, or had none
            self.reconsider(track)
        else:
            self._tell(track, decision, word)

    def bid_farewell(self, track: TrackState) -> None:
        """Says that a track has ended. Nothing about it may be on its way to the store: it names the last word."""
        event = farewell(track)
        if event is None:
            self._forget(track)
            return

        def told(sequence: int | None) -> None:
            if sequence is not None:
                self._forget(track)
                self._snapshots.forget(track.camera, track.track)

        self._voice.say(self._illustrated(event), told)

    def _tell_appearance(self, track: TrackState) -> None:
        if track.appeared or track.look is None:
            return
        track.appeared = True

        def told(sequence: int | None) -> None:
            if sequence is None:
                track.appeared, track.unsaid = False, True

        self._voice.say(appearance(track, track.look), told)

    def _tell(self, track: TrackState, decision: Decision, word: Word) -> None:
        before, track.decision, track.telling = track.decision, decision, True
        word = self._illustrated(word)

        def told(sequence: int | None) -> None:
            track.telling = False
            if sequence is None:
                track.decision, track.unsaid = before, True
            else:
                track.said = sequence
                self._counts[f"decisions.{word.kind.removeprefix('face.')}"] += 1

        self._voice.say(word, told, track.look.captured_ns if track.look else time.monotonic_ns())

    def _illustrated(self, event: Spoken) -> Spoken:
        """Returns the event with the name of its picture, which is on the disk by then."""
        if self._voice.rests:
            return event  # it will be said again; a picture each time would wear out a disk that is full
        return msgspec.structs.replace(event, snapshot=self._snapshots.keep(event))
