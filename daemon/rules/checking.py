"""Rules that name what there is not."""

from collections.abc import Iterable, Iterator

from config import Problem, Settings


def find_rule_problems(settings: Settings) -> Iterator[Problem]:
    for name, zone in settings.zones.items():
        yield from missing(f"zones.{name}.camera", "camera", [zone.camera], settings.cameras)
    for name, rule in settings.rules.items():
        yield from missing(f"rules.{name}.cameras", "camera", rule.cameras, settings.cameras)
        yield from missing(f"rules.{name}.zones", "zone", rule.zones, settings.zones)


def missing(key: str, what: str, names: Iterable[str], known: Iterable[str]) -> Iterator[Problem]:
    """Yields a problem for each name that is not known."""
    there = ", ".join(known) or "none"
    for name in names:
        if name not in known:
            yield Problem(
                key, f"there is no {what} {name!r} (there are: {there})", f"Correct it, or add [{what}s.{name}]"
            )
