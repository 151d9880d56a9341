"""Events as rules see them, out of thin air."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from daemon.rules import Rule, RuleState, Sighting, Verdict
from daemon.rules.sighting import SeenPerson

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""

ADA, BOB = SeenPerson(1, "Ada Lovelace"), SeenPerson(2, "Bob")
_numbers = count(1)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def seen(
    seconds: float, who: SeenPerson | None = None, track: str = "t1", kind: str | None = None, **changes: Any
) -> Sighting:
    """A word on a face: identified or unknown, unless another kind is named."""
    return Sighting(
        sequence=next(_numbers),
        kind=f"face.{kind or ('identified' if who else 'unknown')}",
        captured_at=at(seconds),
        track=track,
        person=who,
        **{"camera": "door", "pixels": (40.0, 20.0, 60.0, 60.0), "frame_size": (100, 100), **changes},
    )


def judge(rule: Rule, events: list[Sighting]) -> list[Verdict]:
    """What a rule says of a history: the holds that fall due between two events are judged between them."""
    state, verdicts = RuleState(), []
    for event in events:
        state, released = rule.release(state, event.captured_at)
        state, verdict = rule.feed(state, event)
        verdicts += [*released, verdict]
    return [*verdicts, *rule.release(state, events[-1].captured_at + timedelta(days=1))[1]]


def told(rule: Rule, events: list[Sighting]) -> list[int]:
    return [verdict.sequence for verdict in judge(rule, events) if verdict.outcome == "told"]
