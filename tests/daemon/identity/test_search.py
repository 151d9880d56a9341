"""The search against brute force in float64, whatever was added and removed before."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from numpy.typing import NDArray

from daemon.identity import search
from daemon.identity.search import Precision, VectorTable
from tests.daemon.factories import DIMENSION, unit

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
COUNT = 3

seeds = st.integers(0, 9)
"""Few, so that several ids have the same vector: ties."""


def brute_force(vectors: dict[int, NDArray[np.float32]], probe: NDArray[np.float32]) -> list[tuple[float, int]]:
    """Returns the cosine and the id of everybody, best first, equal ones by id."""
    scores = [(float(vector.astype(np.float64) @ probe), id) for id, vector in vectors.items()]
    return sorted(scores, key=lambda item: (-round(item[0], 9), item[1]))


class Tables(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.tables = {precision: VectorTable(DIMENSION, precision) for precision in PRECISIONS}
        self.model: dict[int, NDArray[np.float32]] = {}

    @rule(people=st.dictionaries(st.integers(1, 30), seeds, max_size=6))
    def put(self, people: dict[int, int]) -> None:
        vectors = np.array([unit(seed) for seed in people.values()], np.float32).reshape(-1, DIMENSION)
        for table in self.tables.values():
            table.put(list(people), vectors)
        self.model |= dict(zip(people, vectors, strict=True))

    @rule(ids=st.sets(st.integers(1, 30), max_size=6))
    def remove(self, ids: set[int]) -> None:
        for table in self.tables.values():
            table.remove(ids)
        self.model = {id: vector for id, vector in self.model.items() if id not in ids}

    @invariant()
    def nobody_is_lost(self) -> None:
        for table in self.tables.values():
            assert len(table) == len(self.model)
            assert all(abs(table.score(id, v) - 1) <= table.error for id, v in self.model.items())

    @rule(batch=st.lists(seeds, min_size=1, max_size=3))
    def find(self, batch: list[int]) -> None:
        probes = np.array([unit(seed) for seed in batch])
        for precision, table in self.tables.items():
            for probe, near in zip(probes, table.nearest(probes, COUNT), strict=True):
                right = brute_force(self.model, probe)[:COUNT]
                found = dict(zip(near.ids.tolist(), near.scores.tolist(), strict=True))
                assert {id for _, id in right} <= found.keys()
                assert all(abs(found[id] - score) <= table.error for score, id in right)
                if precision == "fp32":
                    assert near.ids[:COUNT].tolist() == [id for _, id in right]


Tables.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestTables = Tables.TestCase


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("batch", [1, 4])
def test_large_tables_are_scanned_in_parts(precision: Precision, batch: int) -> None:
    count = search.CHUNK + 999
    vectors, table = random_units(count), VectorTable(DIMENSION, precision)
    for start in range(0, count, 10_000):
        table.put(range(start, min(start + 10_000, count)), vectors[start : start + 10_000])
    probes = random_units(batch, seed=1)
    for probe, near in zip(probes, table.nearest(probes, 5), strict=True):
        right = np.argsort(-(vectors @ probe))[:5]
        assert set(right.tolist()) <= set(near.ids.tolist())
        assert len(near.ids) < 200
        assert (np.diff(near.scores) <= 0).all()


def random_units(count: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_equal_vectors_come_by_id_wherever_they_lie(precision: Precision) -> None:
    table = VectorTable(DIMENSION, precision)
    ids = np.random.default_rng(2).permutation(5000)
    table.put(ids.tolist(), np.tile(unit(1), (5000, 1)))
    [near] = table.nearest(unit(2)[None], 2)
    assert near.ids.tolist() == list(range(5000))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_empty_table_finds_nobody(precision: Precision) -> None:
    table = VectorTable(DIMENSION, precision)
    assert [len(near.ids) for near in table.nearest(np.array([unit(1), unit(2)]), 5)] == [0, 0]
    table.put([7], unit(1)[None])
    table.remove([7, 8])
    assert len(table.nearest(unit(1)[None], 5)[0].ids) == 0
