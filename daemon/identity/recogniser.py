"""Observations in, events out: the identity worker without its process and its sockets."""

import logging
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from config import SnapshotSettings
from daemon.events.schema import FaceEvent, Word
from daemon.events.writer import EventWriter
from daemon.identity.announcements import (
    announcement,
    appearance,
    camera_changed,
    farewell,
    notice_event,
    remembered,
)
from daemon.identity.decision import Decision, DecisionRules, decide
from daemon.identity.gallery_watch import GalleryWatch
from daemon.identity.intake import embedding_of
from daemon.identity.news import News
from daemon.identity.tracks import Look, Stay, TrackBook, TrackKey, TrackState
from daemon.identity.voice import Voice
from daemon.messages import CameraStateChanged, FaceObserved, Notice, Observation, TrackEnded, TracksInSight
from daemon.snapshots.store import SnapshotStore
from daemon.store import Store

logger = logging.getLogger(__name__)

MOST_TRACKS = 4096
MOST_AT_ONCE = 256
"""Tracks about which one round of chores says what was unsaid: the heartbeat must not wait long for a slow disk."""
REMEMBER = timedelta(days=1)
"""How far back a restarted worker looks for tracks about which something was said."""

Spoken = TypeVar("Spoken", bound=FaceEvent)


class Recogniser:
    def __init__(
        self,
        store: Store,
        writer: EventWriter,
        model: str,
        rules: DecisionRules,
        snapshots: SnapshotStore | None = None,
    ) -> None:
        """
        Args:
            model: digest of the embedder whose templates and probes are compared.
            snapshots: where pictures go; None: nowhere.

        Raises:
            StoreError: the store cannot be read.
        """
        self._snapshots = snapshots or SnapshotStore(Path(), SnapshotSettings())
        self.counts: Counter[str] = self._snapshots.counts
        """What became of everything, by name."""
        self._store, self._rules = store, rules
        self._voice = Voice(writer, self.counts)
        self._news = News(self._voice, self.counts)
        self._watch = GalleryWatch(store, model, self._voice, self._snapshots)
        self._tracks = TrackBook(MOST_TRACKS)
        self._leaving: dict[TrackKey, TrackState] = {}
        """Tracks that ended in this round."""
        self._restore_tracks()

    def take(self, observations: Iterable[Observation]) -> None:
        """Works on a round of observations. What they lead to is stored together."""
        for observation in observations:
            self._take(observation)
        self._voice.flush()
        self._take_leave(self._leaving.values())
        self._leaving.clear()

    def do_chores(self) -> None:
        """Follows changes of the gallery, says what the store did not take before, and keeps the tracks bounded.

        To be called once a second or so.
        """
        self._voice.try_again()
        self.refresh_gallery()
        self._say_unsaid()
        self._drop_surplus_tracks()

    @property
    def ill(self) -> str:
        """What keeps it from its work, with the fix; empty if nothing does."""
        return self._voice.fault

    def _take(self, observation: Observation) -> None:
        match observation:
            case FaceObserved():
                self._observe(observation)
            case TrackEnded():
                if track := self._tracks.get(observation.camera, observation.track):
                    track.ended = Stay(observation.first_seen_wall_ns, observation.last_seen_wall_ns)
                    self._leaving[track.camera, track.track] = track
            case TracksInSight():
                for track in self._tracks.out_of_sight(observation.tracks):
                    track.ended = track.stay  # there may be many: the chores say it
            case CameraStateChanged():
                self._news.tell(observation.camera, camera_changed(observation))
            case Notice():
                self._news.tell(observation, notice_event(observation))

    def refresh_gallery(self) -> None:
        """Takes over what other processes changed in the store, and decides again about everybody in sight.

        Raises:
            StoreUnusableError: the store is no longer where it was.
        """
        if self._watch.follow():
            for track in self._tracks:
                self._reconsider(track)
        self._voice.flush()

    def _observe(self, face: FaceObserved) -> None:
        embedding = embedding_of(face)
        if not self._is_comparable(face.model, len(embedding)):
            return
        track = self._tracks.touch(face.camera, face.track, face.captured_wall_ns)
        track.look = Look.of(face)
        self._snapshots.see(face)
        track.fusion.add(embedding, face.quality)
        self._reconsider(track)

    def _is_comparable(self, model: str, dimension: int) -> bool:
        if model == self._watch.gallery.model_digest and self._watch.gallery.dimension in (None, dimension):
            return True
        self.counts["foreign_model"] += 1
        if self.counts["foreign_model"] == 1:
            logger.error("embedding_of_other_model model=%s fix='restart the daemon'", model[:12])
        return False

    def _reconsider(self, track: TrackState) -> None:
        """Decides about a track and says what changed. What could not be stored is left for the next look or chores."""
        track.unsaid = False
        self._tell_appearance(track)
        decision = self._decide(track)
        word = announcement(track, decision, time.time_ns())
        if word is None:
            track.decision = decision
        elif track.telling:
            self._voice.flush()  # it corrects a word that has no number yet, or had none
            self._reconsider(track)
        else:
            self._tell(track, decision, word)

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
                self.counts[f"decisions.{word.kind.removeprefix('face.')}"] += 1

        self._voice.say(word, told, track.look.captured_ns if track.look else time.monotonic_ns())

    def _decide(self, track: TrackState) -> Decision:
        held = self._held(track)
        embedding = track.fusion.embedding()
        if embedding is None:
            return held
        match = self._watch.gallery.match(embedding, held.person)
        return decide(match, track.fusion.observations, held, self._rules)

    def _held(self, track: TrackState) -> Decision:
        """Returns the decision that holds, with the person's name of today, withdrawn if the person is gone."""
        if track.decision.person is None:
            return track.decision
        person = self._watch.gallery.find(track.decision.person.id)
        return Decision("unknown") if person is None else Decision("identified", person, track.decision.score)

    def _take_leave(self, tracks: Iterable[TrackState]) -> None:
        """Forgets tracks that ended, once their farewell is said: until then the chores try again.

        Nothing about them may be on its way to the store: a farewell names the last word.
        """
        for track in tracks:
            if track.ended and not track.unsaid:
                self._tell_farewell(track)
        self._voice.flush()

    def _tell_farewell(self, track: TrackState) -> None:
        event = farewell(track)

        def told(sequence: int | None) -> None:
            if sequence is not None:
                self._tracks.remove(track)
                self._snapshots.forget(track.camera, track.track)

        if event:
            self._voice.say(self._illustrated(event), told)
        else:
            self._tracks.remove(track)

    def _illustrated(self, event: Spoken) -> Spoken:
        """Returns the event with the name of its picture, which is on the disk by then."""
        if self._voice.rests:
            return event  # it will be said again; a picture each time would wear out a disk that is full
        return msgspec.structs.replace(event, snapshot=self._snapshots.keep(event))

    def _say_unsaid(self) -> None:
        self._news.say_unsaid()
        waiting = [track for track in self._tracks if track.unsaid or track.ended][:MOST_AT_ONCE]
        for track in waiting:
            if track.unsaid:
                self._reconsider(track)
        self._voice.flush()
        self._take_leave(waiting)

    def _drop_surplus_tracks(self) -> None:
        for track in self._tracks.pop_surplus():
            self.counts["tracks_forgotten"] += 1
            if event := farewell(track):
                self._voice.say(event, lambda sequence: None)
        self._voice.flush()

    def _restore_tracks(self) -> None:
        """Takes over what a predecessor said, so that nobody is announced twice."""
        for stored in self._store.events.last_of_each_track(datetime.now(UTC) - REMEMBER):
            track = remembered(stored)
            if track is not None:
                self._tracks.add(track)
        for track in self._tracks:
            self._reconsider(track)
        self._voice.flush()
