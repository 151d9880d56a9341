"""Observations in, events out: the identity worker without its process and its sockets."""

import logging
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from daemon.errors import StoreError
from daemon.events import EventPublisher
from daemon.identity.announcements import announcement, camera_changed, farewell, remembered
from daemon.identity.decision import Decision, DecisionRules, decide
from daemon.identity.gallery import Gallery
from daemon.identity.intake import embedding_of
from daemon.identity.tracks import Look, Stay, TrackBook, TrackState
from daemon.identity.voice import Voice
from daemon.messages import CameraStateChanged, FaceObserved, Observation, TrackEnded, TracksInSight
from daemon.store import Store

logger = logging.getLogger(__name__)

MOST_TRACKS = 4096
MOST_CAMERAS = 1024
"""Whose last state is kept while the store fails."""
MOST_AT_ONCE = 256
"""Tracks about which one round of chores says what was unsaid: the heartbeat must not wait long for a slow disk."""
REMEMBER = timedelta(days=1)
"""How far back a restarted worker looks for tracks about which something was said."""


class Recogniser:
    def __init__(self, store: Store, publisher: EventPublisher, model: str, rules: DecisionRules) -> None:
        """Args: model: digest of the embedder whose templates and probes are compared.

        Raises:
            StoreError: the store cannot be read.
        """
        self.counts: Counter[str] = Counter()
        self._store, self._rules = store, rules
        self._voice = Voice(publisher, self.counts)
        self._gallery = Gallery.load(store, model)
        self._tracks = TrackBook(MOST_TRACKS)
        self._unsaid_cameras: dict[str, CameraStateChanged] = {}
        """The newest state of each camera of which it could not be stored."""
        self._restore_tracks()

    def take(self, observation: Observation) -> None:
        match observation:
            case FaceObserved():
                self._observe(observation)
            case TrackEnded():
                if track := self._tracks.get(observation.camera, observation.track):
                    track.ended = Stay(observation.first_seen_wall_ns, observation.last_seen_wall_ns)
                    self._take_leave(track)
            case TracksInSight():
                for track in self._tracks.out_of_sight(observation.tracks):
                    track.ended = track.stay  # there may be many: the chores say it
            case CameraStateChanged():
                self._tell_camera(observation)

    def do_chores(self) -> None:
        """Follows changes of the gallery, says what the store did not take before, and keeps the tracks bounded.

        To be called once a second or so.
        """
        self._voice.try_again()
        self.refresh_gallery()
        self._say_unsaid()
        self._drop_surplus_tracks()

    def refresh_gallery(self) -> None:
        """Takes over what other processes changed in the store, and decides again about everybody in sight.

        Raises:
            StoreUnusableError: the store is no longer where it was.
        """
        self._store.database.check_in_place()
        try:
            if self._store.gallery_revision == self._gallery.revision:
                return
            self._gallery = Gallery.load(self._store, self._gallery.model_digest)
        except StoreError as error:
            self._voice.note_failure(error)
            return
        logger.info("gallery_loaded people=%d revision=%d", len(self._gallery.people), self._gallery.revision)
        for track in self._tracks:
            self._reconsider(track)

    def _observe(self, face: FaceObserved) -> None:
        embedding = embedding_of(face)
        if not self._is_comparable(face.model, len(embedding)):
            return
        track = self._tracks.touch(face.camera, face.track, face.captured_wall_ns)
        track.look = Look.of(face)
        track.fusion.add(embedding, face.quality)
        self._reconsider(track)

    def _is_comparable(self, model: str, dimension: int) -> bool:
        if model == self._gallery.model_digest and self._gallery.dimension in (None, dimension):
            return True
        self.counts["foreign_model"] += 1
        if self.counts["foreign_model"] == 1:
            logger.error("embedding_of_other_model model=%s fix='restart the daemon'", model[:12])
        return False

    def _reconsider(self, track: TrackState) -> None:
        """Decides about a track and says what changed. What could not be stored is left for the next look or chores."""
        decision = self._decide(track)
        event = announcement(track, decision, time.time_ns())
        if event is not None:
            sequence = self._voice.say(event, track.look.captured_ns if track.look else time.monotonic_ns())
            if sequence is None:
                track.unsaid = True
                return
            track.said = sequence
        track.unsaid = False
        track.decision = decision

    def _decide(self, track: TrackState) -> Decision:
        held = self._held(track)
        embedding = track.fusion.embedding()
        if embedding is None:
            return held
        match = self._gallery.match(embedding, held.person)
        return decide(match, track.fusion.observations, held, self._rules)

    def _held(self, track: TrackState) -> Decision:
        """Returns the decision that holds, with the person's name of today, withdrawn if the person is gone."""
        if track.decision.person is None:
            return track.decision
        person = self._gallery.find(track.decision.person.id)
        return Decision("unknown") if person is None else Decision("identified", person, track.decision.score)

    def _take_leave(self, track: TrackState) -> None:
        """Forgets a track that ended, once its farewell is said: until then the chores try again."""
        if track.unsaid:
            return
        event = farewell(track)
        if event is None or self._voice.say(event) is not None:
            self._tracks.remove(track)

    def _tell_camera(self, change: CameraStateChanged) -> None:
        self._unsaid_cameras.pop(change.camera, None)
        if self._voice.say(camera_changed(change)) is None:
            self._unsaid_cameras[change.camera] = change
            if len(self._unsaid_cameras) > MOST_CAMERAS:
                del self._unsaid_cameras[next(iter(self._unsaid_cameras))]

    def _say_unsaid(self) -> None:
        for change in list(self._unsaid_cameras.values()):
            self._tell_camera(change)
        waiting = [track for track in self._tracks if track.unsaid or track.ended]
        for track in waiting[:MOST_AT_ONCE]:
            if track.unsaid:
                self._reconsider(track)
            if track.ended:
                self._take_leave(track)

    def _drop_surplus_tracks(self) -> None:
        for track in self._tracks.pop_surplus():
            self.counts["tracks_forgotten"] += 1
            if event := farewell(track):
                self._voice.say(event)

    def _restore_tracks(self) -> None:
        """Takes over what a predecessor said, so that nobody is announced twice."""
        for stored in self._store.events.last_of_each_track(datetime.now(UTC) - REMEMBER):
            track = remembered(stored)
            if track is not None:
                self._tracks.add(track)
        for track in self._tracks:
            self._reconsider(track)
