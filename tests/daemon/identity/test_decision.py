import random
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.identity import PENDING, Decision, DecisionRules, KnownPerson, Match, TrackFusion, decide
from tests.daemon.factories import towards, unit

ANN, BOB = KnownPerson(1, "Ann"), KnownPerson(2, "Bob")
RULES = DecisionRules(threshold=0.5, margin=0.1, hysteresis=0.1, least_observations=2)


def identified(person: KnownPerson) -> Decision:
    return Decision("identified", person, 0.7)


cosines = st.floats(-1, 1, width=32)
people = st.sampled_from([ANN, BOB])
limits = st.floats(0, 0.5)
rules = st.builds(DecisionRules, cosines, limits, limits, st.integers(1, 5), limits, st.integers(0, 10))
open_decisions = st.sampled_from([PENDING, Decision("tentative", score=0.4)])
decisions = st.one_of(open_decisions, st.just(Decision("unknown")), people.map(identified))


@st.composite
def matches(draw: st.DrawFn) -> Match:
    best, second = sorted(draw(st.tuples(cosines, cosines)), reverse=True)
    incumbent = draw(st.one_of(st.none(), st.floats(-1, best)))
    return Match(draw(people), best, second, incumbent)


def match(person: KnownPerson, score: float, runner_up: float = -1.0, incumbent: float | None = None) -> Match:
    return Match(person, score, runner_up, incumbent)


@given(matches(), st.integers(0, 10), st.one_of(open_decisions, st.just(Decision("unknown"))), rules)
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


PATIENT = replace(RULES, nearness=0.2, patience=4)


def test_who_is_near_the_threshold_is_not_called_unknown_at_once() -> None:
    tentative = decide(match(ANN, 0.35), 2, PENDING, PATIENT)
    assert (tentative.state, tentative.person) == ("tentative", None)
    assert decide(match(ANN, 0.35), 3, tentative, PATIENT).state == "tentative"
    assert decide(match(ANN, 0.35), 4, tentative, PATIENT).state == "unknown"
    assert decide(match(ANN, 0.29), 3, tentative, PATIENT).state == "unknown"
    assert decide(match(ANN, 0.60), 3, tentative, PATIENT).person == ANN
    assert tentative.settled() == Decision("unknown", score=0.35)


@given(matches(), st.integers(1, 10), st.one_of(st.just(Decision("unknown")), people.map(identified)), rules)
def test_what_was_said_is_never_left_open_again(m: Match, seen: int, said: Decision, r: DecisionRules) -> None:
    assert not decide(m, seen, said, r).is_open


@given(st.lists(matches(), max_size=30), rules)
def test_nothing_is_open_for_longer_than_the_patience(seen: list[Match], r: DecisionRules) -> None:
    decision = PENDING
    for number, each in enumerate(seen, start=1):
        decision = decide(each, number, decision, r)
        assert number < max(r.patience, r.least_observations) or not decision.is_open


FACES = {ANN: unit(1), BOB: unit(2)}
looks = st.lists(
    st.tuples(people, st.floats(0, 1, width=32), st.integers(0, 1000), st.floats(0.3, 1), st.integers(0, 10**10)),
    min_size=2,
    max_size=8,
)


def decide_in_turn(seen: list[tuple[KnownPerson, float, int, float, int]], r: DecisionRules) -> tuple[Decision, float]:
    """Returns the last decision about the looks, and the best score."""
    fusion, decision, score = TrackFusion(), PENDING, 0.0
    for person, cosine, noise, quality, captured_ns in seen:
        fusion.add(towards(FACES[person], cosine, seed=noise + 10), quality, captured_ns)
        embedding = fusion.embedding()
        assert embedding is not None
        scores = {person: float(face @ embedding) for person, face in FACES.items()}
        best = max(scores, key=scores.__getitem__)
        score, second = scores[best], min(scores.values())
        kept = scores[decision.person] if decision.person else None
        decision = decide(Match(best, score, second, kept), fusion.observations, decision, r)
    return decision, score


@given(looks, st.randoms(use_true_random=False), st.floats(0, 0.2))
def test_order_of_arrival_matters_within_the_hysteresis_only(
    seen: list[tuple[KnownPerson, float, int, float, int]], chance: random.Random, hysteresis: float
) -> None:
    r = replace(RULES, margin=0.0, hysteresis=hysteresis)
    (one, score), (other, _) = (decide_in_turn(order, r) for order in (seen, chance.sample(seen, len(seen))))
    in_band = r.threshold - hysteresis - 1e-4 <= score <= r.threshold + 1e-4
    assert one.person == other.person or in_band
