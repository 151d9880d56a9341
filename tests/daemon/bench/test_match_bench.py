"""What `deconvid bench match` says of searches whose answers are known."""

import json

import numpy as np
import pytest

from daemon.bench.contestants import CONTESTANTS, Contestant
from daemon.bench.crowds import LIKENESS, crowd, looks_at
from daemon.bench.match import COUNT, DIMENSION, MatchBench, brute_force, recalls
from daemon.bench.record import match_record

FACES = 300


def test_report_has_every_installed_contestant() -> None:
    report = MatchBench(memory_gb=0.5, tell=lambda doing: None, enough_s=0, changes=100).run([FACES])
    installed = {(each.library, each.precision) for each in CONTESTANTS if each.is_installed}
    assert {(each.library, each.precision) for each in report.exactness} == installed
    own = [each for each in report.exactness if each.library == "deconvid"]
    assert [(each.precision, each.recall_at_1) for each in own] == [("fp32", 1), ("fp16", 1), ("int8", 1)]
    assert all(each.megabytes > 0 and each.refined >= COUNT for each in report.upkeep)
    told = json.loads(match_record(report, "deconvid bench match"))
    assert len(told["speeds"]) == len(report.speeds) >= 2 * len(own)


def test_nothing_is_built_that_does_not_fit() -> None:
    report = MatchBench(memory_gb=1e-6, tell=lambda doing: None, enough_s=0, changes=100).run([FACES])
    assert (report.speeds, report.exactness, report.upkeep) == ([], [], [])


@pytest.mark.parametrize(
    "contestant",
    [each for each in CONTESTANTS if each.is_installed],
    ids=lambda each: f"{each.library}-{each.precision}",
)
def test_contestants_find_whom_a_look_shows(contestant: Contestant) -> None:
    [faces] = crowd(FACES, DIMENSION)
    looks = looks_at(faces)
    search = contestant.build(faces)
    for probe in range(0, 20, 2):
        found = search(looks[probe : probe + 1], COUNT)
        assert found.shape == (1, COUNT)
        assert probe in found


def test_every_second_look_is_at_somebody() -> None:
    [faces] = crowd(FACES, DIMENSION)
    cosines = (faces * looks_at(faces)).sum(1)
    np.testing.assert_allclose(cosines[::2], LIKENESS, atol=1e-5)
    assert np.abs(cosines[1::2]).mean() < 0.3


def test_recall_counts_the_best_and_the_five_best() -> None:
    right = brute_force(np.eye(8, dtype=np.float32), np.array([[8, 7, 6, 5, 4, 3, 2, 1]], np.float32) / 15)
    assert right.tolist() == [[0, 1, 2, 3, 4]]
    assert tuple(recalls(np.array([[1, 0, 2, 6, 7]]), right)) == (0, 0.6)
