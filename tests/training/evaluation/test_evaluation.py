import numpy as np
import pytest

from training.evaluation.fairness import Strangers, compare_strangers, stranger_pairs
from training.evaluation.identification import identify
from training.evaluation.intervals import Figure, bootstrap, bootstrap_share
from training.evaluation.lfw import FOLDER, read_pairs
from training.evaluation.report import Measured, page, to_json
from training.evaluation.robustness import degradations
from training.evaluation.verification import verify


def test_perfect_scores_verify_perfectly():
    same = np.tile([True, False], 300)
    result = verify(np.where(same, 0.9, 0.1).astype(np.float32), same)
    assert (result.accuracy, result.deviation, result.equal_error_rate) == (100, 0, 0)
    assert result.tar_at_far_1e_2 == Figure(100, 98.78, 100)


def test_scores_that_know_nothing_are_right_half_the_time():
    rng = np.random.default_rng(1)
    result = verify(rng.random(6000).astype(np.float32), np.tile([True, False], 3000))
    assert result.accuracy == pytest.approx(50, abs=3)
    assert result.equal_error_rate == pytest.approx(50, abs=3)
    assert result.tar_at_far_1e_2.low <= 1 <= result.tar_at_far_1e_2.high


def test_the_threshold_of_a_fold_comes_from_the_other_folds():
    """In the last fold every score is shifted: a threshold fitted to it would be right, the others' is not."""
    same = np.tile([True, False], 300)
    scores = np.where(same, 0.6, 0.4)
    scores[540:] += 0.3
    assert verify(scores.astype(np.float32), same).accuracy == 95


def test_every_draw_has_as_many_impostors_and_the_same_rank_for_a_threshold():
    """The fourth best of 300 impostors is the threshold: a wrong one costs nothing unless it is drawn four times."""
    same = np.tile([True, False], 300)
    scores = np.where(same, 0.5, 0.1).astype(np.float32)
    scores[1] = 0.9
    assert verify(scores, same).tar_at_far_1e_2 == Figure(100, 98.78, 100)


def test_an_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(8)
    held = 0
    for _ in range(60):
        answers = rng.random(200) < 0.9
        figure = bootstrap(lambda drawn, answers=answers: float(answers[drawn].mean()), 200)
        held += figure.low <= 90 <= figure.high
    assert 50 <= held <= 60


def test_more_samples_make_a_narrower_interval():
    answers = np.tile([True, False, True], 2000)
    wide, narrow = (bootstrap(lambda drawn: float(answers[drawn].mean()), n) for n in (60, 6000))
    assert narrow.high - narrow.low < (wide.high - wide.low) / 5


def test_people_are_drawn_with_all_samples_of_theirs():
    """Ten people who are right always or never: as good as ten samples, however many there are of each."""
    people = np.repeat(np.random.default_rng(2).permutation(10), 50)
    right = people % 2 == 0
    by_person = bootstrap(lambda drawn: float(right[drawn].mean()), people)
    one_each = bootstrap(lambda drawn: float((drawn % 2 == 0).mean()), 10)
    assert by_person == one_each
    shuffled = np.random.default_rng(3).permutation(500)
    assert bootstrap(lambda drawn: float(right[shuffled][drawn].mean()), people[shuffled]) == by_person


def test_people_with_many_samples_count_by_their_samples():
    people, right = np.array(["ada"] * 3 + ["bob"]), np.array([True, True, True, False])
    assert bootstrap(lambda drawn: float(right[drawn].mean()), people) == Figure(75, 0, 100)


@pytest.mark.parametrize(("hit", "bounds"), [(False, (0, 3.62)), (True, (96.38, 100))])
def test_where_all_samples_agree_the_interval_is_the_binomial_one(hit, bounds):
    """1 - 0.025^(1/100) = 3.62 %; of two hundred samples of a hundred people, too."""
    for samples in (100, np.repeat(np.arange(100), 2)):
        figure = bootstrap_share(lambda drawn: float(np.full(len(drawn), hit).mean()), samples)
        assert (figure.value, figure.low, figure.high) == (100 * hit, *bounds)


def test_a_binomial_interval_is_of_the_samples_that_the_share_is_of():
    figure = bootstrap_share(lambda galleries, strangers: 0.0, 4, 2000, of=1)
    assert figure == Figure(0, 0, 0.18)


def test_a_share_between_the_ends_has_the_bootstraps_interval():
    answers = np.arange(200) < 30

    def share(drawn):
        return float(answers[drawn].mean())

    assert bootstrap_share(share, 200) == bootstrap(share, 200)


def faces_of(people, scatter, rng):
    """(N, 64) unit vectors around one direction per person."""
    centres = {name: rng.standard_normal(64) for name in np.unique(people)}
    vectors = np.stack([centres[p] + scatter * rng.standard_normal(64) for p in people]).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_identification_counts_who_is_enrolled_and_who_is_not():
    people = np.array(["ada", "ada", "ada", "bob", "cyn", "cyn", *(f"stranger{i}" for i in range(200))])
    result = identify(*[faces_of(people, 0.1, np.random.default_rng(2))] * 2, people)
    assert (result.gallery, result.probes, result.strangers) == (2, 3, 201)
    assert result.fnir_at_fpir_1e_2 == Figure(0, 0, 84.19)  # of two people


def test_pictures_of_one_person_are_not_independent():
    """Ten people with twenty probes each, half of them never recognised: ten answers and not two hundred."""
    names = [f"person{i}" for i in range(10)]
    people = np.array([*np.repeat(names, 21), *(f"stranger{i}" for i in range(200))])
    gallery = faces_of(people, 0.01, np.random.default_rng(2))
    seen = gallery * np.where(np.isin(people, names[:5]), -1, 1).astype(np.float32)[:, None]
    figure = identify(gallery, seen, people).fnir_at_fpir_1e_2
    assert figure.value == 50
    assert figure.high - figure.low > 50


def test_a_probe_that_resembles_somebody_else_most_is_an_error():
    people = np.array(["ada", "ada", "bob", "bob", *(f"stranger{i}" for i in range(200))])
    gallery = faces_of(people, 0.01, np.random.default_rng(2))
    swapped = gallery.copy()
    swapped[[1, 3]] = gallery[[3, 1]]
    assert identify(gallery, swapped, people).fnir_at_fpir_1e_2.value == 100


def test_degradations_are_the_same_for_every_embedder():
    crop = np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8)
    first, second = ({n: d(crop) for n, d in degradations(np.random.default_rng(1)).items()} for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert all(image.shape == crop.shape and image.dtype == np.uint8 for image in first.values())
    assert [name for name in first if np.array_equal(first[name], crop)] == ["clean"]


def test_strangers_are_of_one_group_and_not_one_person():
    groups = np.array(["a", "a", "a", "b"])
    known = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    assert np.argwhere(stranger_pairs(groups, known)).tolist() == [[0, 2], [1, 2], [2, 0], [2, 1]]


def test_the_threshold_holds_the_rate_it_was_asked_for():
    rng = np.random.default_rng(3)
    strangers = Strangers(rng.random((120, 120)).astype(np.float32), ~np.eye(120, dtype=bool), np.full(120, "a"))
    threshold = strangers.threshold(0.2)
    assert (strangers.scores > threshold)[strangers.pairs].mean() == pytest.approx(0.2, abs=1e-3)
    assert strangers.rates(threshold)["a"].value == pytest.approx(20, abs=0.1)


def test_a_group_in_which_nobody_matched_may_still_have_somebody_who_does():
    """With ten faces, five comparisons have none in common: 1 - 0.025^(1/5) = 52.1824 %."""
    pairs, groups = ~np.eye(10, dtype=bool), np.full(10, "a")
    nobody, everybody = (Strangers(np.full((10, 10), score, np.float32), pairs, groups) for score in (0.1, 0.9))
    assert nobody.rates(0.5)["a"] == Figure(0, 0, 52.1824)
    assert everybody.rates(0.5)["a"] == Figure(100, 47.8176, 100)


def test_strangers_are_compared_clean_against_degraded():
    faces = np.random.default_rng(3).integers(0, 256, (12, 112, 112, 3), np.uint8)
    seen = []

    def embed(crops):
        seen.append(crops)
        return np.eye(12, dtype=np.float32)

    compare_strangers(embed, faces, np.full(12, "a"), np.eye(12, dtype=np.float32))
    assert np.array_equal(seen[0], faces)
    assert not np.array_equal(seen[1], faces)


def test_the_page_needs_nothing_from_elsewhere():
    same = np.tile([True, False], 300)
    scores = np.where(same, 0.9, 0.1).astype(np.float32)
    people = np.array(["ada", "ada", *(f"stranger{i}" for i in range(50))])
    faces = faces_of(people, 0.1, np.random.default_rng(2))
    verification = {probe: verify(scores, same) for probe in ("clean", "16 px")}
    measured = Measured(
        "ours & theirs",
        "0" * 64,
        verification,
        {"clean": identify(faces, faces, people)},
        {"a": Figure(1, 0, 2)},
        scores,
    )
    text = page("Report", "deconvid eval embedders", [measured], same)
    assert "ours &amp; theirs" in text
    assert "http" not in text.replace("data:image/svg+xml", "")
    assert "clean_scores" not in to_json(measured)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="LFW is not at hand (see training/paths.py)")
def test_lfw_has_its_6000_pairs():
    pairs = read_pairs()
    assert (len(pairs.names), pairs.indices.shape, int(pairs.same.sum())) == (7701, (6000, 2), 3000)
    assert np.array_equal(pairs.people[pairs.indices[:, 0]] == pairs.people[pairs.indices[:, 1]], pairs.same)
