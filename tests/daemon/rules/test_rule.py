import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import RuleSettings, ZoneSettings
from daemon.rules import Rule, RuleState
from daemon.rules.state import MOST_TRACKS
from tests.daemon.rules.sightings import ADA, BOB, at, judge, seen, told

FACE_KINDS = ("appeared", "identified", "unknown", "corrected", "left")


def rule(**settings: object) -> Rule:
    return Rule("front", RuleSettings.model_validate(settings))


@st.composite
def histories(draw: st.DrawFn) -> list:
    """Events of a few tracks and people before two cameras, in the order of their times."""
    moments = sorted(draw(st.lists(st.integers(0, 600), min_size=1, max_size=40)))
    return [
        seen(
            moment,
            draw(st.sampled_from([None, ADA, BOB])),
            draw(st.sampled_from(["t1", "t2", "t3"])),
            draw(st.sampled_from(FACE_KINDS)),
            camera=draw(st.sampled_from(["door", "yard"])),
        )
        for moment in moments
    ]


def test_everything_said_about_faces_passes_by_default() -> None:
    events = [seen(0, kind="appeared"), seen(1, ADA), seen(2, None, "t2"), seen(3, ADA, kind="left")]
    assert told(rule(), events) == [events[1].sequence, events[2].sequence]


@pytest.mark.parametrize(
    ("settings", "passes"),
    [
        ({"cameras": ["door"]}, True),
        ({"cameras": ["yard"]}, False),
        ({"people": ["ada lovelace"]}, True),
        ({"people": [1]}, True),
        ({"people": ["Bob"]}, False),
        ({"faces": "known"}, True),
        ({"faces": "unknown"}, False),
        ({"kinds": ["face"]}, True),
        ({"kinds": ["face.left", "camera"]}, False),
        ({"kinds": ["fac"]}, False),
    ],
)
def test_filters(settings: dict, passes: bool) -> None:
    assert bool(told(rule(**settings), [seen(0, ADA)])) == passes


def test_zone_is_tested_against_the_anchor_and_its_camera() -> None:
    lower = {"camera": "door", "polygon": ((0, 0.5), (1, 0.5), (1, 1), (0, 1))}
    for anchor, camera, passes in (("centre", "door", False), ("foot", "door", True), ("foot", "yard", False)):
        zone = ZoneSettings.model_validate({**lower, "anchor": anchor})
        assert bool(told(Rule("front", RuleSettings(), [zone]), [seen(0, ADA, camera=camera)])) == passes


def test_events_without_a_face_pass_by_their_kind() -> None:
    stalled = seen(0, kind="x", track=None, pixels=None)
    stalled = msgspec.structs.replace(stalled, kind="camera.state")
    assert told(rule(kinds=["camera"], cooldown_s=60), [stalled, stalled]) == [stalled.sequence] * 2
    assert told(rule(), [stalled]) == []


def test_correction_of_what_was_told_passes_whatever_the_rule_is_about() -> None:
    events = [seen(0, ADA), seen(1, BOB, kind="corrected"), seen(2, BOB, "t2"), seen(3, ADA, "t2", "corrected")]
    assert told(rule(people=["Ada Lovelace"], cooldown_s=2), events) == [events[n].sequence for n in (0, 1, 3)]


def test_face_that_was_told_of_is_seen_off() -> None:
    events = [seen(0, ADA), seen(1, BOB, "t2"), seen(2, ADA, kind="left"), seen(3, BOB, "t2", "left")]
    chosen = rule(kinds=["face"], people=["Bob"])
    assert told(chosen, events) == [events[1].sequence, events[3].sequence]


def test_watched_person_is_told_at_once_and_louder() -> None:
    chosen = rule(watch=["BOB"], cooldown_s=600, in_sight_s=5)
    verdicts = judge(chosen, [seen(0, BOB), seen(1, BOB, "t2"), seen(2, ADA, "t3"), seen(3, ADA, "t3", "left")])
    assert [(v.outcome, v.level) for v in verdicts[:2]] == [("told", "alert")] * 2
    assert verdicts[2].outcome == "held"
    assert verdicts[3].outcome == "quiet"


def test_unknown_face_is_told_once_it_stays() -> None:
    chosen = rule(unknown_after_s=10)
    stays, passes = seen(0), seen(20, None, "t2")
    assert told(chosen, [stays, passes, seen(25, None, "t2", "left")]) == [stays.sequence]
    assert told(rule(unknown_after_s="never"), [stays, passes]) == []


def test_who_is_recognised_meanwhile_is_told_by_name_only() -> None:
    first, then = seen(0), seen(2, ADA, kind="corrected")
    assert told(rule(unknown_after_s=10), [first, then]) == [then.sequence]


def test_clock_that_was_set_back_silences_nobody() -> None:
    events = [seen(0, ADA), seen(-86400, ADA, "t2")]
    assert len(told(rule(cooldown_s=60), events)) == 2


@given(histories(), st.integers(1, 300))
def test_cooldown_holds_for_each_person_and_camera(events: list, cooldown_s: int) -> None:
    by_sequence = {event.sequence: event for event in events}
    last: dict[object, float] = {}
    for sequence in told(rule(kinds=["face.identified", "face.unknown"], cooldown_s=cooldown_s), events):
        event = by_sequence[sequence]
        subject, now_s = (event.camera, event.person), event.captured_at.timestamp()
        assert now_s - last.get(subject, -cooldown_s) >= cooldown_s
        last[subject] = now_s


@given(histories(), st.integers(1, 60))
def test_nothing_is_told_before_the_face_was_in_sight_for_long_enough(events: list, in_sight_s: int) -> None:
    chosen = rule(in_sight_s=in_sight_s)
    state, since, told_of = RuleState(), {}, {}
    for event in events:
        track = (event.camera, event.track)
        state, released = chosen.release(state, event.captured_at)
        for verdict in released:
            assert event.captured_at.timestamp() - since[told_of[verdict.sequence]] >= in_sight_s
        since.setdefault(track, event.captured_at.timestamp())
        told_of[event.sequence] = track
        state, verdict = chosen.feed(state, event)
        if verdict.outcome == "told" and verdict.reason == "passes":
            assert event.captured_at.timestamp() - since[track] >= in_sight_s
        if event.kind == "face.left":
            del since[track]
            told_of = {sequence: other for sequence, other in told_of.items() if other != track}


@given(histories(), st.integers(0, 100), st.integers(0, 20))
def test_state_that_went_through_a_file_judges_alike(events: list, cooldown_s: int, in_sight_s: int) -> None:
    chosen = rule(cooldown_s=cooldown_s, in_sight_s=in_sight_s)
    kept = read = RuleState()
    for event in events:
        before = msgspec.json.encode(kept)
        kept_after, expected = chosen.feed(kept, event)
        assert msgspec.json.encode(kept) == before, "a rule must not change the state that it is given"
        read, verdict = chosen.feed(msgspec.json.decode(msgspec.json.encode(read), type=RuleState), event)
        assert verdict == expected
        kept = kept_after


def test_state_is_bounded_and_names_nobody() -> None:
    chosen, state = rule(in_sight_s=60), RuleState()
    for n in range(MOST_TRACKS + 10):
        state, _ = chosen.feed(state, seen(n / 1000, ADA, f"t{n}"))
    assert len(state.tracks) == MOST_TRACKS
    assert b"Ada" not in msgspec.json.encode(state)
    assert len(chosen.release(state, at(1e6))[1]) == MOST_TRACKS


def test_stranger_who_was_told_of_comes_back_quietly_before_any_camera() -> None:
    back = 3600
    events = [
        first := seen(0),
        seen(5, kind="left", stranger="unknown-12"),  # who it is turned out only then
        seen(back, track="t2", camera="yard", stranger="unknown-12"),
        other := seen(back + 1, track="t3", camera="yard", stranger="unknown-13"),
        seen(back + 2, track="t4", camera="yard"),
    ]
    assert told(rule(stranger_cooldown_s=86400), events) == [first.sequence, other.sequence, events[-1].sequence]
    assert len(told(rule(), events)) == 4


def test_stranger_who_was_not_told_of_is_told_of_when_coming_back() -> None:
    events = [seen(0, stranger="unknown-12"), seen(1, kind="left", stranger="unknown-12")]
    events += [seen(9, track="t2", stranger="unknown-12"), seen(20, track="t2", kind="left", stranger="unknown-12")]
    settings = {"stranger_cooldown_s": 86400, "unknown_after_s": 5}
    assert told(rule(**settings), events) == [events[2].sequence]
    again = [seen(100, track="t3", stranger="unknown-12"), seen(200, track="t3", kind="left", stranger="unknown-12")]
    assert told(rule(**settings), [*events, *again]) == [events[2].sequence], "nor once it has been in sight for long"
