"""Observations in, events out: the identity worker without its process and its sockets."""

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config import SnapshotSettings
from daemon.events.writer import EventWriter
from daemon.identity.announcements import camera_changed, farewell, notice_event, remembered
from daemon.identity.calibrator import Calibrator
from daemon.identity.decision import Decision, DecisionRules
from daemon.identity.gallery_watch import GalleryWatch
from daemon.identity.intake import embedding_of
from daemon.identity.judge import Judge
from daemon.identity.news import News
from daemon.identity.stranger_desk import StrangerDesk
from daemon.identity.teller import Teller
from daemon.identity.tracks import Stay, TrackBook, TrackKey, TrackState
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


class Recogniser:
    def __init__(
        self,
        store: Store,
        writer: EventWriter,
        model: str,
        rules: DecisionRules,
        snapshots: SnapshotStore | None = None,
        calibrator: Calibrator | None = None,
        strangers: StrangerDesk | None = None,
    ) -> None:
        """
        Args:
            model: digest of the embedder whose templates and probes are compared.
            snapshots: where pictures go; None: nowhere.
            calibrator: see Judge.
            strangers: gives unknown faces their numbers; None: they have none.

        Raises:
            StoreError: the store cannot be read.
        """
        snapshots = snapshots or SnapshotStore(Path(), SnapshotSettings())
        self.counts: Counter[str] = snapshots.counts
        """What became of everything, by name."""
        self._store, self._snapshots = store, snapshots
        self._voice = Voice(writer, self.counts)
        self._news = News(self._voice, self.counts)
        self._judge = Judge(GalleryWatch(store, model, self._voice, snapshots), rules, calibrator)
        self._tracks = TrackBook(MOST_TRACKS)
        self._strangers = strangers
        self._teller = Teller(self._voice, self._decide, snapshots, self.counts, self._tracks.remove)
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
        if self._strangers:
            self._strangers.follow()
        self.refresh_gallery()
        self._say_unsaid()
        self._drop_surplus_tracks()

    @property
    def ill(self) -> str:
        """What keeps it from its work, with the fix; empty if nothing does."""
        return self._voice.fault

    def refresh_gallery(self) -> None:
        """Takes over what other processes changed in the store, and decides again about everybody in sight.

        Raises:
            StoreUnusableError: the store is no longer where it was.
        """
        if self._judge.follow():
            for track in self._tracks:
                self._teller.reconsider(track)
        self._voice.flush()

    def _take(self, observation: Observation) -> None:
        match observation:
            case FaceObserved():
                self._observe(observation)
            case TrackEnded():
                if track := self._tracks.get(observation.camera, observation.track):
                    track.ended = Stay(observation.first_seen_wall_ns, observation.last_seen_wall_ns)
                    self._leaving[track.camera, track.track] = track
                    if track.decision.state == "tentative":
                        self._teller.reconsider(track)
            case TracksInSight():
                for track in self._tracks.out_of_sight(observation.tracks):
                    track.ended = track.stay  # there may be many: the chores say it
                    track.unsaid |= track.decision.state == "tentative"
            case CameraStateChanged():
                self._news.tell(observation.camera, camera_changed(observation))
            case Notice():
                self._news.tell(observation, notice_event(observation))

    def _observe(self, face: FaceObserved) -> None:
        embedding = embedding_of(face)
        if not self._is_comparable(face.model, len(embedding)):
            return
        track = self._tracks.touch(face.camera, face.track, face.captured_wall_ns)
        track.note(face)
        self._snapshots.see(face)
        track.fusion.add(embedding, face.quality, face.captured_ns)
        self._teller.reconsider(track)

    def _decide(self, track: TrackState) -> Decision:
        decision = self._judge.decide(track)
        return self._strangers.judge(track, decision) if self._strangers else decision

    def _is_comparable(self, model: str, dimension: int) -> bool:
        gallery = self._judge.gallery
        if model == gallery.model_digest and gallery.dimension in (None, dimension):
            return True
        self.counts["foreign_model"] += 1
        if self.counts["foreign_model"] == 1:
            logger.error("embedding_of_other_model model=%s fix='restart the daemon'", model[:12])
        return False

    def _take_leave(self, tracks: Iterable[TrackState]) -> None:
        """Forgets tracks that ended, once their farewell is said: until then the chores try again."""
        for track in tracks:
            if track.ended and not track.unsaid:
                if self._strangers:
                    self._strangers.leave(track)
                self._teller.bid_farewell(track)
        self._voice.flush()

    def _say_unsaid(self) -> None:
        self._news.say_unsaid()
        waiting = [track for track in self._tracks if track.unsaid or track.ended][:MOST_AT_ONCE]
        for track in waiting:
            if track.unsaid:
                self._teller.reconsider(track)
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
            self._teller.reconsider(track)
        self._voice.flush()
