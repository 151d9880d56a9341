"""Rules that name what there is not, or people whom nobody can be."""

from collections.abc import Iterable, Iterator

from config import Problem, Settings
from daemon.store import InvalidNameError
from daemon.store.names import normalise_name

SHOWN = 40
"""Characters of an entry: it may be very long."""


def find_rule_problems(settings: Settings) -> Iterator[Problem]:
    for name, zone in settings.zones.items():
        yield from missing(f"zones.{name}.camera", "camera", [zone.camera], settings.cameras)
    for name, rule in settings.rules.items():
        yield from missing(f"rules.{name}.cameras", "camera", rule.cameras, settings.cameras)
        yield from missing(f"rules.{name}.zones", "zone", rule.zones, settings.zones)
        yield from _nobodys_names(f"rules.{name}.people", rule.people)
        yield from _nobodys_names(f"rules.{name}.watch", rule.watch)


def missing(key: str, what: str, names: Iterable[str], known: Iterable[str]) -> Iterator[Problem]:
    """Yields a problem for each name that is not known."""
    there = ", ".join(known) or "none"
    for name in names:
        if name not in known:
            yield Problem(
                key, f"there is no {what} {name!r} (there are: {there})", f"Correct it, or add [{what}s.{name}]"
            )


def _nobodys_names(key: str, entries: Iterable[int | str]) -> Iterator[Problem]:
    for name in (entry for entry in entries if isinstance(entry, str)):
        try:
            normalise_name(name)
        except InvalidNameError as error:
            fault, _, fix = str(error).partition(". ")
            yield Problem(key, f"{name[:SHOWN]!r}: {fault}", fix)
