"""Gives unknown tracks the numbers of strangers: looks them up while they are in sight, enters them once they are known
well enough, takes that back if they turn out to be somebody, and follows what commands do to strangers."""

import logging
from collections import Counter
from collections.abc import Callable

from config import StrangerSettings
from daemon.errors import StoreError
from daemon.events.schema import moment_of
from daemon.identity.company import Company
from daemon.identity.crowd_change import crowd_change
from daemon.identity.decision import PENDING, Decision
from daemon.identity.sightings import Sighting, StrangerRules, see
from daemon.identity.stranger_events import deeds_of, drafts_of
from daemon.identity.strangers import Crowd
from daemon.identity.tracks import TrackState
from daemon.store import Store
from daemon.store.errors import CrowdChangedError
from daemon.store.stranger_records import Likeness
from daemon.store.strangers import Deed

logger = logging.getLogger(__name__)

ENTERED_AFTER = 10
"""Looks after which a track counts as a sighting though it has not ended: who stands before one camera for an hour is
recognised at the next one meanwhile."""
ATTEMPTS = 3
"""To enter somebody while commands change strangers."""


class StrangerDesk:
    def __init__(
        self,
        store: Store,
        model: str,
        settings: StrangerSettings,
        rules: Callable[[int], StrangerRules],
        counts: Counter[str],
    ) -> None:
        """
        Args:
            model: digest of the embedder whose likenesses are compared.
            rules: that hold for a number of likenesses.
            counts: `strangers.new`, `.returned`, `.merged`, `.split`, `.failures`.

        Raises:
            StoreError: the store cannot be read.
        """
        self._store, self._model, self._settings, self._rules_for, self._counts = store, model, settings, rules, counts
        self._company = Company()
        self._newest_likeness = 0
        self._rests = False
        """Whether the store failed, so that nothing is tried until the next chores: each attempt may wait long."""
        self._load()

    def follow(self) -> None:
        """Takes over what other processes did to strangers. To be called once a second or so."""
        self._rests = False
        try:
            if self._store.strangers.revision() != self._revision:
                self._load()
            self._rules = self._rules_for(self._crowd.likenesses)  # people may have come or gone
        except StoreError as error:
            self._note_failure(error)

    def judge(self, track: TrackState, decision: Decision) -> Decision:
        """Returns what is to be held of a track, and notes on it which stranger it is.

        A face that resembles an ignored stranger more than any person is nobody; while nothing was said of it yet,
        nothing is.
        """
        embedding = track.fusion.embedding()
        if embedding is None or decision.state == "pending":
            return decision
        known = self._crowd.recognise(embedding, self._rules.threshold, self._company.beside(track))
        if known and known.stranger.state == "ignored" and known.score > (decision.score or -1.0):
            track.stranger = known.stranger.id
            return PENDING if track.said is None else Decision("unknown", score=decision.score)
        if decision.state != "unknown":
            track.stranger = None
            if decision.state == "identified":
                self.withdraw(track)
            return decision
        if known:
            track.stranger = known.stranger.id
        elif track.entered_as is None or track.stranger not in self._crowd.strangers:
            track.stranger = None
        if track.fusion.observations >= ENTERED_AFTER:
            self.enter(track)
        return decision

    def enter(self, track: TrackState) -> None:
        """Counts a track among the sightings of the stranger whom it resembles, or of a new one; once."""
        if track.entered_as is None and self._is_good_enough(track):
            self._try(self._enter, track)

    def withdraw(self, track: TrackState) -> None:
        """Takes a track that turned out to be a person from the sightings of a stranger: erasing the person would leave
        the face there."""
        if track.entered_as is not None:
            self._try(self._withdraw, track)

    def leave(self, track: TrackState) -> None:
        """Enters a track that has ended, or notes until when it stayed; takes a number from it that was forgotten."""
        if track.decision.person is not None:
            self.withdraw(track)
        elif track.entered_as is None:
            self.enter(track)
        elif track.stranger is not None:
            self._try(self._prolong, track)
        if track.stranger is not None:
            self._try(self._check_number, track)

    def _try(self, work: Callable[[TrackState], None], track: TrackState) -> None:
        """Again if commands changed strangers meanwhile; not at all while the store fails."""
        if self._rests:
            return
        try:
            for _ in range(ATTEMPTS):
                try:
                    return work(track)
                except CrowdChangedError:
                    self._load()
        except StoreError as error:
            self._note_failure(error)

    def _is_good_enough(self, track: TrackState) -> bool:
        is_nobody = track.decision.person is None and (track.decision.state == "unknown" or track.stranger is not None)
        return (
            is_nobody
            and track.look is not None
            and bool(track.crop)
            and track.fusion.observations >= self._settings.least_looks
            and track.best_quality >= self._settings.least_quality
        )

    def _enter(self, track: TrackState) -> None:
        """Raises StoreError: nothing was stored."""
        likeness = self._likeness_of(track)
        since = moment_of(track.stay.first_seen_wall_ns)
        crowd, outcome = see(self._crowd, Sighting(likeness, since, self._company.beside(track)), self._rules)
        change = crowd_change(
            self._crowd,
            crowd,
            revision=self._revision,
            model_digest=self._model,
            crops={likeness.id: track.crop},
            merged=outcome.merged,
        )
        said = drafts_of(outcome, self._store.epoch, likeness.seen_at)
        self._store.strangers.apply(change, deeds_of(outcome, change), said)
        self._adopt(crowd, self._revision + 1, likeness.id)
        track.stranger, track.entered_as = outcome.stranger, likeness.id
        self._company.note(track, outcome.stranger)
        self._counts["strangers.new" if outcome.is_new else "strangers.returned"] += 1
        self._counts["strangers.merged"] += len(outcome.merged)
        self._counts["strangers.split"] += len(outcome.split)

    def _withdraw(self, track: TrackState) -> None:
        """Raises StoreError: nothing was stored."""
        likeness = track.entered_as
        if likeness is None:
            return
        if (owner := self._crowd.owner_of(likeness)) is not None:  # else it was dropped for better ones, or named
            crowd = self._crowd.withdraw(owner, likeness)
            change = crowd_change(self._crowd, crowd, revision=self._revision, model_digest=self._model)
            self._store.strangers.apply(change, [Deed("strangers.withdraw", owner, f"likeness {likeness}")])
            self._adopt(crowd, self._revision + 1, self._newest_likeness)
        self._company.forget(track)
        track.entered_as = None

    def _prolong(self, track: TrackState) -> None:
        """Raises StoreError: nothing was stored."""
        if (
            track.stranger is None or track.stranger not in self._crowd.strangers
        ):  # somebody forgot or named them meanwhile
            return
        self._company.note(track, track.stranger)
        crowd = self._crowd.stay(track.stranger, moment_of(track.stay.last_seen_wall_ns))
        change = crowd_change(self._crowd, crowd, revision=self._revision, model_digest=self._model)
        self._store.strangers.apply(change)
        self._adopt(crowd, self._revision + 1, self._newest_likeness)

    def _check_number(self, track: TrackState) -> None:
        """Raises StoreError: the store cannot be read."""
        # The store is asked: a merged or named one still is on record, and commands may have come since the last look.
        if track.stranger is not None and not self._store.strangers.is_on_record(track.stranger):
            track.stranger = None

    def _likeness_of(self, track: TrackState) -> Likeness:
        embedding = track.fusion.embedding()
        assert embedding is not None
        seen_at = moment_of(track.stay.last_seen_wall_ns)
        return Likeness(self._newest_likeness + 1, embedding, track.best_quality, track.camera, seen_at)

    def _load(self) -> None:
        snapshot = self._store.strangers.snapshot(self._model)
        # Of one that is gone, a track may still have the number: nobody else's may get it.
        newest_likeness = max(snapshot.newest_likeness, self._newest_likeness)
        self._adopt(Crowd.of(snapshot), snapshot.revision, newest_likeness)
        logger.info("strangers_loaded count=%d revision=%d", len(self._crowd.strangers), self._revision)

    def _adopt(self, crowd: Crowd, revision: int, newest_likeness: int) -> None:
        self._crowd, self._revision, self._newest_likeness = crowd, revision, newest_likeness
        self._rules = self._rules_for(crowd.likenesses)

    def _note_failure(self, error: StoreError) -> None:
        self._rests = True
        self._counts["strangers.failures"] += 1
        if self._counts["strangers.failures"] == 1:
            logger.error("strangers_not_kept reason='%s'", error)
