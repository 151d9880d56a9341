import numpy as np
import pytest

from training.evaluation.twins import difference, figures, table

SAME = np.tile([True, False], 500)


def seeds(count: int, lead: float) -> list[dict[str, np.ndarray]]:
    """Scores of some seeds, in which one person's pictures are so much more alike than two people's."""
    rng = np.random.default_rng(3)
    return [{"clean": (rng.normal(0, 0.1, 1000) + lead * SAME).astype(np.float32)} for _ in range(count)]


def test_a_network_that_tells_people_apart_better_is_ahead():
    ahead = difference(seeds(3, 0.4), seeds(2, 0.3), "clean", SAME)
    assert 0 < ahead.low < ahead.value < ahead.high
    behind = difference(seeds(2, 0.3), seeds(3, 0.4), "clean", SAME)
    assert behind.value == pytest.approx(-ahead.value)


def test_two_networks_of_one_kind_are_a_tie():
    one, *others = seeds(5, 0.3)
    tie = difference([one, others[0]], others[1:], "clean", SAME)
    assert tie.low < 0 < tie.high


def test_figures_are_in_percent():
    perfect = {"clean": SAME.astype(np.float32), "16 px": (~SAME).astype(np.float32)}
    assert figures(perfect, SAME) == {"lfw": 100.0, "clean": 100.0, "16 px": 0.0}


def test_the_table_has_a_line_for_each_probe():
    column = {"clean": {"value": 0.5, "low": -0.1, "high": 1.0}}
    assert table({"a than b": column}).splitlines()[-1] == "clean | +0.50 (-0.10 to +1.00)"
