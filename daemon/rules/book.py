"""The rules of one bridge together: an event is told once, by all the rules that let it pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self, get_args

from config import Settings
from config.rules import Level
from daemon.rules.rule import Rule, Verdict
from daemon.rules.sighting import Sighting
from daemon.rules.state import RuleState

LEVELS: tuple[Level, ...] = get_args(Level)
"""Rising."""

States = dict[str, RuleState]
"""By rule."""


@dataclass(frozen=True, slots=True)
class Told:
    sequence: int
    rules: tuple[str, ...]
    """Names of those that let the event pass; empty if there is none at all."""
    level: Level


class RuleBook:
    """Without a rule, every event passes."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules

    @classmethod
    def of(cls, settings: Settings, names: Sequence[str]) -> Self:
        """Returns the rules of these names; `deconvid check` tells of a name that there is not."""
        return cls([make_rule(settings, name) for name in names])

    def feed(self, states: States, event: Sighting) -> tuple[States, Told | None]:
        if not self._rules:
            return states, Told(event.sequence, (), "info")
        states, verdicts = dict(states), {}
        for rule in self._rules:
            states[rule.name], verdicts[rule.name] = rule.feed(states.get(rule.name, RuleState()), event)
        return _settle(states, verdicts)

    def release(self, states: States, now: datetime) -> tuple[States, list[Told]]:
        """Returns what was held until now."""
        told: list[Told] = []
        for rule in self._rules:
            state, verdicts = rule.release(states.get(rule.name, RuleState()), now)
            states = {**states, rule.name: state}
            for verdict in verdicts:
                states, settled = _settle(states, {rule.name: verdict})
                told += [settled] if settled else []
        return states, told


def make_rule(settings: Settings, name: str) -> Rule:
    rule = settings.rules[name]
    return Rule(name, rule, [settings.zones[zone] for zone in rule.zones])


def _settle(states: States, verdicts: dict[str, Verdict]) -> tuple[States, Told | None]:
    passed = {name: verdict for name, verdict in verdicts.items() if verdict.outcome == "told"}
    if not passed:
        return states, None
    sequence = next(iter(passed.values())).sequence
    states = {name: state.told_by_another(sequence) for name, state in states.items()}
    level = max((verdict.level for verdict in passed.values()), key=LEVELS.index)
    return states, Told(sequence, tuple(passed), level)
