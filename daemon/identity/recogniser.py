"""Observations in, events out: the identity worker without its process and its sockets."""

import logging
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from daemon.errors import StoreError
from daemon.events import CameraChanged, Event, EventPublisher
from daemon.events.schema import rfc3339
from daemon.identity.announcements import announcement, farewell, remembered
from daemon.identity.decision import Decision, DecisionRules, decide
from daemon.identity.gallery import Gallery
from daemon.identity.intake import embedding_of
from daemon.identity.tracks import Look, TrackBook, TrackState
from daemon.messages import CameraStateChanged, FaceObserved, Observation, TrackEnded
from daemon.store import Store, UnknownPersonError

logger = logging.getLogger(__name__)

MOST_TRACKS = 4096
FORGET_AFTER_S = 7200.0
"""Longer than two of the longest refresh intervals: a track that is still followed is heard of before."""
REMEMBER = timedelta(days=1)
"""How far back a restarted worker looks for tracks about which something was said."""


class Recogniser:
    def __init__(self, store: Store, publisher: EventPublisher, model: str, rules: DecisionRules) -> None:
        """Args: model: digest of the embedder whose templates and probes are compared.

        Raises:
            StoreError: the store cannot be read.
        """
        self.counts: Counter[str] = Counter()
        self._store, self._publisher, self._rules = store, publisher, rules
        self._gallery = Gallery.load(store, model)
        self._tracks = TrackBook(MOST_TRACKS, FORGET_AFTER_S)
        self._failing = False
        self._restore_tracks()

    def take(self, observation: Observation) -> None:
        match observation:
            case FaceObserved():
                self._observe(observation)
            case TrackEnded():
                self._end(observation)
            case CameraStateChanged():
                self._tell_camera(observation)

    def refresh_gallery(self) -> None:
        """Takes over what other processes changed in the store, and decides again about everybody in sight."""
        try:
            if self._store.gallery_revision == self._gallery.revision:
                return
            self._gallery = Gallery.load(self._store, self._gallery.model_digest)
        except StoreError as error:
            self._note_failure(error)
            return
        logger.info("gallery_loaded people=%d revision=%d", len(self._gallery.people), self._gallery.revision)
        for track in self._tracks:
            self._reconsider(track)

    def drop_stale_tracks(self) -> None:
        """Says goodbye to tracks whose end was never reported, and keeps their number bounded."""
        for track in self._tracks.pop_surplus(time.monotonic()):
            self.counts["tracks_forgotten"] += 1
            last_seen_ns = track.look.captured_wall_ns if track.look else track.first_seen_wall_ns
            self._take_leave(track, track.first_seen_wall_ns, last_seen_ns)

    def _observe(self, face: FaceObserved) -> None:
        embedding = embedding_of(face)
        if not self._is_comparable(face.model, len(embedding)):
            return
        track = self._tracks.touch(face.camera, face.track, face.captured_wall_ns, time.monotonic())
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
        """Decides about a track and says what changed. What could not be stored is tried at the next look."""
        decision = self._decide(track)
        event = announcement(track, decision, time.time_ns())
        if event is not None:
            sequence = self._publish(event, track.look.captured_ns if track.look else time.monotonic_ns())
            if sequence is None:
                return
            track.said = sequence
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

    def _end(self, ended: TrackEnded) -> None:
        track = self._tracks.pop(ended.camera, ended.track)
        if track is not None:
            self._take_leave(track, ended.first_seen_wall_ns, ended.last_seen_wall_ns)

    def _take_leave(self, track: TrackState, first_seen_wall_ns: int, last_seen_wall_ns: int) -> None:
        event = farewell(track, first_seen_wall_ns, last_seen_wall_ns)
        if event is not None:
            self._publish(event, _monotonic_ns(last_seen_wall_ns))

    def _tell_camera(self, change: CameraStateChanged) -> None:
        event = CameraChanged(
            camera=change.camera,
            captured_at=rfc3339(change.at_wall_ns),
            state=change.state,
            detail=change.detail,
        )
        self._publish(event, _monotonic_ns(change.at_wall_ns))

    def _publish(self, event: Event, captured_ns: int) -> int | None:
        """Returns the event's sequence number, None if it could not be stored and therefore was not published."""
        try:
            published = self._publisher.publish(event, captured_ns)
        except UnknownPersonError:
            # Erased since the gallery was loaded; the next refresh, within a second, decides again without them.
            self.counts["person_erased"] += 1
            return None
        except StoreError as error:
            self.counts["not_stored"] += 1
            self._note_failure(error)
            return None
        self._note_success()
        self.counts["published"] += 1
        return published.sequence

    def _note_failure(self, error: StoreError) -> None:
        if not self._failing:
            logger.error("store_failed reason='%s'", error)
        self._failing = True

    def _note_success(self) -> None:
        if self._failing:
            logger.warning("store_works_again not_stored=%d", self.counts["not_stored"])
        self._failing = False

    def _restore_tracks(self) -> None:
        """Takes over what a predecessor said, so that nobody is announced twice."""
        for stored in self._store.events.last_of_each_track(datetime.now(UTC) - REMEMBER):
            track = remembered(stored, time.monotonic())
            if track is not None:
                self._tracks.add(track)
        for track in self._tracks:
            self._reconsider(track)


def _monotonic_ns(wall_ns: int) -> int:
    """Returns a moment of the wall clock on the monotonic one, as of now."""
    return time.monotonic_ns() - (time.time_ns() - wall_ns)
