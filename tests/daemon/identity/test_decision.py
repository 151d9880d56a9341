from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.identity import PENDING, Decision, DecisionRules, KnownPerson, Match, decide

ANN, BOB = KnownPerson(1, "Ann"), KnownPerson(2, "Bob")
RULES = DecisionRules(threshold=0.5, margin=0.1, hysteresis=0.1, least_observations=2)

cosines = st.floats(-1, 1, width=32)
people = st.sampled_from([ANN, BOB])
rules = st.builds(DecisionRules, cosines, st.floats(0, 0.5), st.floats(0, 0.5), st.integers(1, 5))
decisions = st.one_of(
    st.just(PENDING), st.just(Decision("unknown")), people.map(lambda p: Decision("identified", p, 0.7))
)


@st.composite
def matches(draw: st.DrawFn) -> Match:
    best, second = sorted(draw(st.tuples(cosines, cosines)), reverse=True)
    incumbent = draw(st.one_of(st.none(), st.floats(-1, best)))
    return Match(draw(people), best, second, incumbent)


def match(person: KnownPerson, score: float, runner_up: float = -1.0, incumbent: float | None = None) -> Match:
    return Match(person, score, runner_up, incumbent)


@given(matches(), st.integers(0, 10), st.sampled_from([PENDING, Decision("unknown")]), rules)
def test_nobody_is_named_below_threshold_or_margin(m: Match, seen: int, previous: Decision, r: DecisionRules) -> None:
    decision = decide(m, seen, previous, r)
    if decision.state == "identified":
        assert m.score >= r.threshold
        assert m.score - m.runner_up_score >= r.margin
        assert seen >= r.least_observations
        assert decision.person == m.person


@given(matches(), st.integers(0, 10), decisions, rules)
def test_name_and_state_agree_and_no_score_is_below_hysteresis(
    m: Match, seen: int, previous: Decision, r: DecisionRules
) -> None:
    decision = decide(m, seen, previous, r)
    assert (decision.state == "identified") == (decision.person is not None)
    if decision.state == "identified" and seen >= r.least_observations:
        assert decision.score is not None
        assert decision.score >= r.threshold - r.hysteresis


@given(matches(), st.integers(0, 10), decisions, rules)
def test_deciding_twice_on_the_same_evidence_changes_nothing(
    m: Match, seen: int, previous: Decision, r: DecisionRules
) -> None:
    once = decide(m, seen, previous, r)
    kept_score = m.score if once.person == m.person else m.incumbent_score
    assume(once.person in (None, m.person) or once.person == previous.person)
    again = Match(m.person, m.score, m.runner_up_score, kept_score if once.person else None)
    assert decide(again, seen, once, r).says_the_same_as(once)


@given(matches(), decisions)
def test_too_few_looks_change_nothing(m: Match, previous: Decision) -> None:
    assert decide(m, RULES.least_observations - 1, previous, RULES) == previous


def test_identity_survives_a_dip_within_the_hysteresis_and_no_deeper() -> None:
    held = Decision("identified", ANN, 0.6)
    assert decide(match(ANN, 0.45, incumbent=0.45), 5, held, RULES).person == ANN
    assert decide(match(ANN, 0.39, incumbent=0.39), 5, held, RULES).state == "unknown"
    assert decide(match(ANN, 0.45), 5, Decision("unknown"), RULES).state == "unknown"


def test_incumbent_yields_only_to_who_qualifies_in_full() -> None:
    held = Decision("identified", ANN, 0.6)
    assert decide(match(BOB, 0.60, 0.55, incumbent=0.55), 5, held, RULES).person == ANN
    assert decide(match(BOB, 0.80, 0.55, incumbent=0.55), 5, held, RULES).person == BOB


def test_twins_within_the_margin_are_nobody() -> None:
    assert decide(match(ANN, 0.90, 0.85), 5, PENDING, RULES).state == "unknown"


def test_without_people_everybody_is_unknown() -> None:
    assert decide(None, 5, Decision("identified", ANN, 0.9), RULES) == Decision("unknown")
