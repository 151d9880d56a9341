"""What of an event alone decides whether a rule lets it pass."""

from collections.abc import Sequence
from datetime import tzinfo
from zoneinfo import ZoneInfo

from config.rules import RuleSettings, ZoneSettings
from daemon.rules.schedule import is_within
from daemon.rules.sighting import Sighting
from daemon.rules.zones import is_in_zone
from daemon.store.names import name_key


class People:
    """A list of names and ids in a configuration."""

    def __init__(self, entries: Sequence[int | str]) -> None:
        self._ids = {entry for entry in entries if isinstance(entry, int)}
        self._names = {name_key(entry) for entry in entries if isinstance(entry, str)}

    def __bool__(self) -> bool:
        return bool(self._ids or self._names)

    def has(self, sighting: Sighting) -> bool:
        person = sighting.person
        return person is not None and (person.id in self._ids or name_key(person.name) in self._names)


class Filters:
    def __init__(self, settings: RuleSettings, zones: Sequence[ZoneSettings]) -> None:
        """Args: zones: those that the rule names."""
        self._settings, self._zones = settings, zones
        self._people = People(settings.people)
        self._timezone: tzinfo | None = ZoneInfo(settings.timezone) if settings.timezone else None

    def wants_kind(self, kind: str) -> bool:
        return any(kind == wanted or kind.startswith(f"{wanted}.") for wanted in self._settings.kinds)

    def fault(self, sighting: Sighting) -> str | None:
        """Returns why an event does not pass, None if it does."""
        if not self.wants_kind(sighting.kind):
            return f"kind {sighting.kind}"
        if self._settings.cameras and sighting.camera not in self._settings.cameras:
            return f"camera {sighting.camera or 'none'}"
        return self._face_fault(sighting) or self._time_fault(sighting)

    def _face_fault(self, sighting: Sighting) -> str | None:
        faces = self._settings.faces
        known = sighting.person is not None
        if faces != "all" and (not sighting.is_face or known != (faces == "known")):
            return f"not {faces}"
        if self._people and not self._people.has(sighting):
            return "not among the rule's people"
        if self._zones and not any(is_in_zone(zone, sighting) for zone in self._zones):
            return "outside the zones"
        return None

    def _time_fault(self, sighting: Sighting) -> str | None:
        if is_within(self._settings.schedule, sighting.captured_at, self._timezone):
            return None
        local = sighting.captured_at.astimezone(self._timezone)
        return f"outside the schedule ({local:%a %H:%M})"
