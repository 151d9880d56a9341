import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config import RuleSettings
from daemon.bridges.dead import DeadLetters
from daemon.bridges.transport import RefusedError, UnreachableError
from daemon.rules import Rule
from daemon.store import Store
from tests.daemon.bridges.conftest import Memory
from tests.daemon.factories import make_event, make_template, unit

DOWN = UnreachableError("nobody is there")


def test_events_are_delivered_in_order_with_what_let_them_pass(relay, say, store: Store) -> None:
    say("identified", "Ada"), say("unknown", track="t2")
    other = Memory()
    rule = Rule("front", RuleSettings(faces="known", level="notice"))
    bridge = relay(other, rule)
    assert not bridge.turn()
    envelope = json.loads(other.parcels[0].body)
    assert (envelope["id"], envelope["rules"], envelope["level"]) == (f"{store.epoch}-1", ["front"], "notice")
    assert envelope["event"]["person"]["name"] == "Ada"
    assert [event.sequence for event in other.seen] == [1, 2]
    assert bridge.counts == {"delivered": 1, "failed": 0, "dead": 0, "lost": 0, "quiet": 1}


def test_new_bridge_begins_with_what_comes(relay, say) -> None:
    say("unknown")
    other = Memory()
    bridge = relay(other, skip_backlog=True)
    bridge.turn()
    say("left")
    bridge.turn()
    assert other.sequences == [2]


def test_restart_goes_on_where_it_was_and_rules_remember(relay, say) -> None:
    rule = Rule("front", RuleSettings(cooldown_s=600))
    first, second = Memory(), Memory()
    say("identified", "Ada")
    relay(first, rule).turn()
    say("identified", "Ada", "t2"), say("unknown", track="t3")
    relay(second, rule).turn()
    assert (first.sequences, second.sequences) == ([1], [3])


@pytest.mark.parametrize("most_at_once", [1, 20])
def test_while_the_other_side_is_down_nothing_is_skipped_and_patience_grows(relay, say, clock, most_at_once) -> None:
    other = Memory(most_at_once)
    other.fault = DOWN
    bridge = relay(other)
    for track in "abc":
        say("unknown", track=track)
    waits = []
    for _ in range(10):
        bridge.turn()
        start = clock.now_s
        tries = other.tries
        while other.tries == tries:
            clock.now_s += 0.5
            bridge.turn()
        waits.append(clock.now_s - start)
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 120
    assert bridge.ill == str(DOWN)
    assert bridge.lag == 3
    other.fault = None
    clock.now_s += 120
    bridge.turn()
    assert other.sequences == [1, 2, 3]
    assert (bridge.ill, bridge.lag) == ("", 0)


def test_other_side_names_the_wait(relay, say, clock) -> None:
    other = Memory()
    other.fault = UnreachableError("busy", retry_after_s=50)
    say("unknown")
    bridge = relay(other)
    bridge.turn()
    clock.now_s = 49
    bridge.turn()
    assert other.tries == 1
    clock.now_s = 50
    bridge.turn()
    assert other.tries == 2


def test_refused_event_is_put_aside_and_the_next_one_goes_on(relay, say, tmp_path) -> None:
    other = Memory()
    say("unknown"), say("left")
    other.fault = RefusedError("answered 400")
    other.keep_up = lambda: None  # type: ignore[method-assign]
    bridge = relay(other)
    bridge.turn()
    letters = DeadLetters(tmp_path / "hook.dead.jsonl").all()
    assert [(letter.sequence, letter.reason) for letter in letters] == [(1, "answered 400"), (2, "answered 400")]
    assert bridge.counts["dead"] == 2


def test_old_events_are_given_up_after_one_try_for_all_of_them(relay, say) -> None:
    other = Memory()
    other.fault = DOWN
    for track in "abcd":
        say("unknown", track=track, ago_s=7200)
    fresh = say("unknown", track="e")
    bridge = relay(other, give_up_after_s=3600)
    bridge.turn()
    assert other.tries == 1
    assert (bridge.counts["dead"], bridge.lag) == (4, 1)
    other.fault = None
    bridge = relay(other, give_up_after_s=3600)
    bridge.turn()
    assert other.sequences == [fresh]


def test_events_that_retention_deleted_undelivered_are_counted_once(relay, say, store: Store, clock) -> None:
    other = Memory()
    for _ in range(3):
        say("unknown", ago_s=7200)
    say("left")
    store.events.forget_before(datetime.now(UTC) - timedelta(hours=1))
    other.fault = DOWN
    bridge = relay(other)
    for _ in range(3):
        clock.now_s += 120
        bridge.turn()
    other.fault = None
    clock.now_s += 120
    bridge.turn()
    assert (other.sequences, bridge.counts["lost"]) == ([4], 3)


def test_held_event_is_told_when_its_time_has_come_and_nothing_else_happens(relay, say) -> None:
    other, now = Memory(), datetime.now(UTC)
    times = [now, now + timedelta(seconds=11)]
    say("unknown")
    bridge = relay(other, Rule("front", RuleSettings(unknown_after_s=10)), now=lambda: times[0])
    bridge.turn()
    assert other.sequences == []
    times.pop(0)
    bridge.turn()
    bridge.turn()
    assert other.sequences == [1]


def test_held_event_of_a_backlog_is_judged_by_what_came_after_it(relay, say) -> None:
    other = Memory()
    say("unknown", ago_s=100)
    for n in range(600):
        say("identified", "Ada", f"a{n}", camera="yard", ago_s=99)
    say("left", ago_s=98)
    bridge = relay(other, Rule("front", RuleSettings(unknown_after_s=10, cameras=("door",))))
    while bridge.turn():
        pass
    assert other.sequences == []


def test_erased_person_is_not_in_what_is_delivered_later(relay, say, store: Store) -> None:
    store.people.enrol("Ada", make_template(unit(1)))
    other, now = Memory(), [datetime.now(UTC)]
    say("identified", "Ada")
    bridge = relay(other, Rule("front", RuleSettings(in_sight_s=10)), now=lambda: now[0])
    bridge.turn()
    store.people.erase("Ada")
    now[0] += timedelta(seconds=20)
    bridge.turn()
    assert other.sequences == [1]
    assert b"Ada" not in other.parcels[0].body


def test_position_that_cannot_be_noted_stops_the_bridge_without_a_second_delivery(relay, say, tmp_path, clock) -> None:
    other = Memory()
    bridge = relay(other)
    say("unknown"), say("left")
    (tmp_path / "hook.position").unlink()
    (tmp_path / "hook.position").mkdir()
    bridge.turn()
    clock.now_s += 60
    bridge.turn()
    assert other.sequences == [1]
    assert bridge.ill
    assert str(tmp_path) not in bridge.ill
    (tmp_path / "hook.position").rmdir()
    clock.now_s += 120
    bridge.turn()
    assert other.sequences == [1, 2]


def test_damaged_position_and_older_database(relay, say, tmp_path) -> None:
    other = Memory()
    say("unknown")
    (tmp_path / "hook.position").write_bytes(os.urandom(50))
    relay(other).turn()
    assert other.sequences == [1]
    position = json.loads((tmp_path / "hook.position").read_bytes())
    (tmp_path / "hook.position").write_text(json.dumps({**position, "sequence": 99}))
    bridge = relay(other)
    say("left")
    bridge.turn()
    assert other.sequences == [1, 2]


def test_unreadable_event_is_passed_over(relay, say, store: Store) -> None:
    store.events.append(replace(make_event(kind="face.unknown")), lambda sequence: "{}")
    say("unknown")
    other = Memory()
    bridge = relay(other)
    bridge.turn()
    assert (other.sequences, bridge.counts["unreadable"]) == ([2], 1)
