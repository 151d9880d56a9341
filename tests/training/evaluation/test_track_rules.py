import numpy as np
import pytest

from training.evaluation.track_rules import RULES, as_shipped, best_look, best_match, mean, votes

ADA, BOB = np.eye(3, dtype=np.float32)[:2]
GALLERY = np.stack([ADA, BOB])
majority, two_votes = RULES["majority vote"], RULES["two votes"]


def looks(*scored: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns one track's arguments; each look is its cosine to Ada, to Bob, and its quality."""
    vectors = [[ada, bob, (1 - ada**2 - bob**2) ** 0.5] for ada, bob, _ in scored]
    return np.array([vectors], np.float32), np.array([[q for *_, q in scored]], np.float32), GALLERY


TRACK = looks((0.9, 0, 0.2), (0.8, 0, 0.4), (0, 0.5, 0.9))


@pytest.mark.parametrize(
    ("rule", "place", "score"),
    [(best_look, 1, 0.5), (best_match, 0, 0.9), (two_votes, 0, 0.8), (majority, 0, 0.8)],
)
def test_each_rule_decides_in_its_way(rule, place, score):
    places, scores = rule(*TRACK)
    assert (places[0], scores[0]) == (place, pytest.approx(score))


def test_majority_needs_more_than_half():
    *_, scores = majority(*looks((0.9, 0, 1), (0.8, 0, 1), (0, 0.5, 1), (0, 0.6, 1)))
    assert scores[0] == -1


def test_looks_that_were_not_embedded_count_nowhere():
    seen, ghost = looks((0.7, 0, 0.5), (0.6, 0, 0.5)), looks((0.7, 0, 0.5), (0.6, 0, 0.5), (0, 0.99, 0))
    for rule in (*RULES.values(), votes(lambda count: count)):
        assert [float(each[0]) for each in rule(*seen)] == pytest.approx([float(each[0]) for each in rule(*ghost)])


def test_weights_draw_the_mean_to_the_best_look():
    bob = [mean(exponent)(*TRACK)[0][0] == 1 for exponent in (0, 1, 8)]
    assert bob == [False, False, True]


def test_the_shipped_mean_is_one_of_them():
    assert as_shipped(*TRACK)[1] == pytest.approx(mean(4)(*TRACK)[1])
