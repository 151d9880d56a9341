"""Who a track is, by the gallery and the threshold of today."""

from dataclasses import replace

from daemon.identity.calibrator import Calibrator
from daemon.identity.decision import Decision, DecisionRules, decide
from daemon.identity.gallery import Gallery
from daemon.identity.gallery_watch import GalleryWatch
from daemon.identity.tracks import TrackState


class Judge:
    def __init__(self, watch: GalleryWatch, rules: DecisionRules, calibrator: Calibrator | None = None) -> None:
        """
        Args:
            watch: whose gallery counts.
            rules: the limits.
            calibrator: finds the threshold for each gallery; None: the one of the rules always holds.
        """
        self._watch, self._calibrator = watch, calibrator
        self.rules = rules
        """Those that hold for the gallery of today."""
        self._calibrate()

    @property
    def gallery(self) -> Gallery:
        return self._watch.gallery

    def follow(self) -> bool:
        """Takes over what other processes changed in the store; returns whether decisions may be others now.

        Raises:
            StoreUnusableError: the store is no longer where it was.
        """
        is_new = self._watch.follow()
        if is_new:
            self._calibrate()
        return is_new

    def decide(self, track: TrackState) -> Decision:
        """Returns what is to be held of a track; nothing is left open of one that has ended."""
        held = self._held(track)
        embedding = track.fusion.embedding()
        if embedding is None:
            return held
        match = self.gallery.match(embedding, held.person)
        decision = decide(match, track.fusion.observations, held, self.rules)
        return decision.settled() if track.ended else decision

    def _held(self, track: TrackState) -> Decision:
        """Returns the decision that holds, with the person's name of today, withdrawn if the person is gone."""
        if track.decision.person is None:
            return track.decision
        person = self.gallery.find(track.decision.person.id)
        return Decision("unknown") if person is None else Decision("identified", person, track.decision.score)

    def _calibrate(self) -> None:
        if self._calibrator:
            self.rules = replace(self.rules, threshold=self._calibrator.calibrate(self.gallery).threshold)
