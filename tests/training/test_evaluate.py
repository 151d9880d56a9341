import numpy as np
import pytest

from training.evaluate import impostor_threshold, lfw_pairs, stranger_pairs, verify
from training.paths import SHARED


def test_perfect_scores_verify_perfectly():
    same = np.tile([True, False], 300)
    result = verify(np.where(same, 0.9, 0.1).astype(np.float32), same)
    assert (result.accuracy, result.deviation, result.equal_error_rate) == (100, 0, 0)
    assert result.tar_at_far_1e_2 == 100


def test_scores_that_know_nothing_are_right_half_the_time():
    rng = np.random.default_rng(1)
    result = verify(rng.random(6000).astype(np.float32), np.tile([True, False], 3000))
    assert result.accuracy == pytest.approx(50, abs=3)
    assert result.equal_error_rate == pytest.approx(50, abs=3)
    assert result.tar_at_far_1e_2 == pytest.approx(1, abs=1)


def test_the_threshold_of_a_fold_comes_from_the_other_folds():
    """In the last fold every score is shifted: a threshold fitted to it would be right, the others' is not."""
    same = np.tile([True, False], 300)
    scores = np.where(same, 0.6, 0.4)
    scores[540:] += 0.3
    assert verify(scores.astype(np.float32), same).accuracy == 95


def test_strangers_are_of_one_group_and_not_one_person():
    groups = np.array(["a", "a", "a", "b"])
    known = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    assert np.argwhere(stranger_pairs(groups, known)).tolist() == [[0, 2], [1, 2], [2, 0], [2, 1]]


def test_the_threshold_holds_the_rate_it_was_asked_for():
    rng = np.random.default_rng(3)
    faces = rng.integers(0, 256, (120, 112, 112, 3), np.uint8)

    def embed(crops):
        flat = crops[:, ::28, ::28].reshape(len(crops), -1).astype(np.float32)
        flat -= flat.mean(axis=1, keepdims=True)
        return flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6)

    alone = np.eye(120, dtype=np.float32)
    groups = np.full(120, "a")
    strict, loose = (impostor_threshold(embed, faces, groups, alone, rate) for rate in (0.001, 0.2))
    assert -1 < loose < strict < 1


@pytest.mark.skipif(not (SHARED / "data" / "lfw").is_dir(), reason="LFW is not at hand (see training/paths.py)")
def test_lfw_has_its_6000_pairs():
    names, pairs, same = lfw_pairs()
    assert (len(names), pairs.shape, int(same.sum())) == (7701, (6000, 2), 3000)
    people = np.array([name.partition("/")[0] for name in names])
    assert np.array_equal(people[pairs[:, 0]] == people[pairs[:, 1]], same)
