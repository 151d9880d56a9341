"""One rule: whether an event is told, now or later, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from config.rules import Level, RuleSettings, ZoneSettings
from daemon.rules.filters import Filters, People
from daemon.rules.sighting import Sighting
from daemon.rules.state import Held, RuleState, TrackNote


@dataclass(frozen=True, slots=True)
class Verdict:
    sequence: int
    """Of the event that is judged."""
    outcome: Literal["told", "held", "quiet"]
    reason: str
    """For people."""
    level: Level = "info"


class Rule:
    """Judges events in the order of the store. A rule remembers nothing itself: its state goes in and comes out."""

    def __init__(self, name: str, settings: RuleSettings, zones: Sequence[ZoneSettings] = ()) -> None:
        """Args: zones: those that the settings name."""
        self.name = name
        self._settings = settings
        self._filters = Filters(settings, zones)
        self._watched = People(settings.watch)

    def feed(self, state: RuleState, event: Sighting) -> tuple[RuleState, Verdict]:
        if not event.is_face:
            fault = self._filters.fault(event)
            return state, self._quiet(event, fault) if fault else self._told(event, "passes")
        key = f"{event.camera}/{event.track}"
        known = state.tracks.get(key)
        if event.kind == "face.left":
            state = state.without_track(key)
            if event.stranger and known and known.told:
                state = state.with_told(event.stranger, event.captured_at.timestamp())
            return self._leave(state, event, known)
        note = known or TrackNote(event.captured_at.timestamp())
        state = state.with_track(key, note)
        if not event.is_word:
            fault = self._filters.fault(event)
            return state, self._quiet(event, fault) if fault else self._told(event, "passes")
        return self._word(state, key, note, event)

    def release(self, state: RuleState, now: datetime) -> tuple[RuleState, list[Verdict]]:
        """Judges the events that were held until now."""
        verdicts = []
        for key, note in state.tracks.items():
            if note.held and note.held.due_s <= now.timestamp():
                state, verdict = self._release(state, key, note, note.held)
                verdicts.append(verdict)
        return state, verdicts

    def _word(self, state: RuleState, key: str, note: TrackNote, event: Sighting) -> tuple[RuleState, Verdict]:
        # A newer word replaces one that is held.
        note = msgspec.structs.replace(note, held=None)
        state = state.with_track(key, note)
        subject = f"{event.camera}/{event.person.id if event.person else 'unknown'}"
        if self._watched.has(event) and not self._filters.fault(event):
            verdict = self._told(event, "on the watch list", self._settings.watch_level)
        elif note.told and event.kind == "face.corrected" and self._filters.wants_kind(event.kind):
            verdict = self._told(event, "corrects what was told")
        elif fault := self._filters.fault(event):
            return state, self._quiet(event, fault)
        else:
            return self._unhurried(state, key, note, event, subject)
        return _told_state(state, key, note, subject, event.captured_at.timestamp()), verdict

    def _unhurried(
        self, state: RuleState, key: str, note: TrackNote, event: Sighting, subject: str
    ) -> tuple[RuleState, Verdict]:
        """Judges a word that duration and cooldown concern."""
        now_s = event.captured_at.timestamp()
        needed_s = self._needed_s(event)
        if needed_s is None:
            return state, self._quiet(event, "unknown faces are never told")
        if known := self._stranger_fault(state, event):
            return state, self._quiet(event, known)
        due_s = note.first_seen_s + needed_s
        if now_s < due_s:
            held = msgspec.structs.replace(note, held=Held(event.sequence, due_s, subject))
            return state.with_track(key, held), Verdict(
                event.sequence, "held", f"until in sight for {needed_s:g} s", self._settings.level
            )
        if cool := self._cooldown_fault(state, subject, now_s):
            return state, self._quiet(event, cool)
        return _told_state(state, key, note, subject, now_s), self._told(event, "passes")

    def _release(self, state: RuleState, key: str, note: TrackNote, held: Held) -> tuple[RuleState, Verdict]:
        note = msgspec.structs.replace(note, held=None)
        if cool := self._cooldown_fault(state, held.subject, held.due_s):
            return state.with_track(key, note), Verdict(held.sequence, "quiet", cool)
        told = _told_state(state, key, note, held.subject, held.due_s)
        return told, Verdict(held.sequence, "told", "in sight for long enough", self._settings.level)

    def _leave(self, state: RuleState, event: Sighting, note: TrackNote | None) -> tuple[RuleState, Verdict]:
        if not self._filters.wants_kind(event.kind):
            early = " before it was told" if note and note.held else ""
            return state, self._quiet(event, f"kind {event.kind}{early}")
        if note and note.told:
            return state, self._told(event, "left; was told of")
        if any(self._filters.wants_kind(kind) for kind in ("face.identified", "face.unknown", "face.corrected")):
            return state, self._quiet(event, "left; nothing was told of it")
        fault = self._filters.fault(event)
        return state, self._quiet(event, fault) if fault else self._told(event, "passes")

    def _needed_s(self, event: Sighting) -> float | None:
        """Returns how long the face must have been in sight, None if nothing is ever told of it."""
        unknown_after_s = self._settings.unknown_after_s
        if event.person is not None or unknown_after_s is None:
            return self._settings.in_sight_s
        return None if unknown_after_s == "never" else unknown_after_s

    def _cooldown_fault(self, state: RuleState, subject: str, now_s: float) -> str | None:
        told_s = state.told_s.get(subject)
        # A clock that was set back by more than the cooldown does not silence anybody.
        if told_s is None or abs(now_s - told_s) >= self._settings.cooldown_s:
            return None
        return f"cooldown: told {abs(now_s - told_s):.0f} s ago, {self._settings.cooldown_s:g} s are set"

    def _stranger_fault(self, state: RuleState, event: Sighting) -> str | None:
        told_s = state.told_s.get(event.stranger or "")
        if told_s is None or abs(event.captured_at.timestamp() - told_s) >= self._settings.stranger_cooldown_s:
            return None
        return f"{event.stranger} was told of before"

    def _told(self, event: Sighting, reason: str, level: Level | None = None) -> Verdict:
        return Verdict(event.sequence, "told", reason, level or self._settings.level)

    def _quiet(self, event: Sighting, reason: str) -> Verdict:
        return Verdict(event.sequence, "quiet", reason)


def _told_state(state: RuleState, key: str, note: TrackNote, subject: str, now_s: float) -> RuleState:
    return state.with_track(key, msgspec.structs.replace(note, told=True)).with_told(subject, now_s)
