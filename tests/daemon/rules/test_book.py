from config import RuleSettings
from daemon.rules import Rule, RuleBook, Told
from tests.daemon.rules.sightings import ADA, at, seen


def test_event_is_told_once_by_all_rules_that_let_it_pass() -> None:
    patient = Rule("patient", RuleSettings(in_sight_s=10))
    prompt = Rule("prompt", RuleSettings(people=(1,), level="notice"))
    other = Rule("other", RuleSettings())
    book = RuleBook([patient, prompt, other])
    event = seen(0, ADA)
    states, told = book.feed({}, event)
    assert told == Told(event.sequence, ("prompt", "other"), "notice")
    assert book.release(states, at(60))[1] == []


def test_two_rules_that_hold_an_event_tell_it_once() -> None:
    book = RuleBook([Rule(name, RuleSettings(in_sight_s=5)) for name in ("a", "b")])
    event = seen(0, ADA)
    states, told = book.feed({}, event)
    assert told is None
    states, released = book.release(states, at(5))
    assert [told.sequence for told in released] == [event.sequence]
    assert book.release(states, at(60))[1] == []


def test_without_a_rule_everything_passes() -> None:
    event = seen(0, kind="left")
    assert RuleBook([]).feed({}, event)[1] == Told(event.sequence, (), "info")
