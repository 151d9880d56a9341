import numpy as np
from numpy.typing import NDArray

from benchmarks.gallery_rule import RULES, compare


def faces_of(people: NDArray[np.str_]) -> NDArray[np.float32]:
    """(N, 64) unit vectors around one direction per person."""
    rng = np.random.default_rng(2)
    centres = {name: rng.standard_normal(64) for name in np.unique(people)}
    vectors = np.stack([centres[name] + 0.01 * rng.standard_normal(64) for name in people]).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_pictures_of_one_person_are_not_independent() -> None:
    """Ten people with twenty probes each, half of them never recognised: ten answers and not two hundred."""
    names = [f"person{i}" for i in range(10)]
    people = np.array([*np.repeat(names, 22), *(f"stranger{i}" for i in range(100))])
    clean = faces_of(people)
    seen = clean * np.where(np.isin(people, names[:5]), -1, 1).astype(np.float32)[:, None]
    rules = compare(clean, seen, people, count=2)["rules"]
    assert isinstance(rules, dict)
    assert list(rules) == list(RULES)
    for figures in rules.values():
        missed = figures["fnir_at_fpir_1e_2"]
        assert missed["value"] == 50
        assert missed["high"] - missed["low"] > 50
        assert figures["below_best"] == {"value": 0, "low": 0, "high": 0}
