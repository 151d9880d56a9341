import numpy as np
import pytest

from daemon.enrolment.likeness import alarm_cosine, cosine_of_strangers
from daemon.enrolment.outliers import LookAlikes, Misfit, find_look_alikes, find_misfits
from daemon.store import GallerySnapshot
from engine.manifests import ModelSpec, find_model
from tests.daemon.factories import towards, unit


def gallery(**people: list[np.ndarray]) -> GallerySnapshot:
    """People with ids from 1."""
    return GallerySnapshot(
        1,
        dict(enumerate(people, 1)),
        np.array([id for id, own in enumerate(people.values(), 1) for _ in own], np.int64),
        np.array([embedding for own in people.values() for embedding in own], np.float32),
    )


ANN = [towards(unit(1), 0.9, seed) for seed in (50, 51, 52)]


def test_a_photo_of_somebody_else_does_not_fit() -> None:
    assert find_misfits(gallery(ann=[*ANN[:2], unit(2), ANN[2]]), 0.5, [1]) == [Misfit(1, (2,), 4)]


def test_two_people_of_one_name_are_two_groups() -> None:
    bob = [towards(unit(2), 0.9, seed) for seed in (53, 54)]
    assert find_misfits(gallery(ann=[bob[0], *ANN, bob[1]]), 0.5, [1]) == [Misfit(1, (0, 4), 5)]


def test_photos_that_are_linked_by_others_fit() -> None:
    chain = [unit(1), towards(unit(1), 0.6, 60)]
    chain.append(towards(chain[1], 0.6, 61))
    assert chain[0] @ chain[2] < 0.5
    assert find_misfits(gallery(ann=chain), 0.5, [1]) == []


def test_only_who_was_asked_about_is_judged_and_nobody_without_photos() -> None:
    two = gallery(ann=[unit(1), unit(2)], bob=[unit(3), unit(4)], cid=[])
    assert [found.person_id for found in find_misfits(two, 0.5, [2, 3])] == [2]


def test_people_who_are_alike_are_told_most_alike_first() -> None:
    known = gallery(
        ann=[unit(1), unit(5)], bob=[unit(2), towards(unit(1), 0.8)], cid=[unit(5)], dan=[towards(unit(2), 0.7)]
    )
    pairs = find_look_alikes(known, 0.6, [1, 4])
    assert [(pair.person_ids, pytest.approx(pair.score, abs=1e-5)) for pair in pairs] == [
        ((1, 3), 1.0),
        ((1, 2), 0.8),
        ((2, 4), 0.7),
    ]
    assert [pair.is_one_picture for pair in pairs] == [True, False, False]
    assert find_look_alikes(known, 0.6, [4]) == [pairs[2]]


def test_blocks_see_what_one_look_would_see() -> None:
    rng = np.random.default_rng(3)
    embeddings = rng.normal(size=(600, 8))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    ids = np.sort(rng.integers(0, 200, 600))
    known = GallerySnapshot(1, {}, ids, embeddings.astype(np.float32))
    scores = known.embeddings @ known.embeddings.T
    expected: dict[tuple[int, int], float] = {}
    for i, j in zip(*np.nonzero(scores >= 0.95), strict=True):
        if ids[i] < ids[j]:
            pair = (int(ids[i]), int(ids[j]))
            expected[pair] = max(expected.get(pair, -1), float(scores[i, j]))
    found = find_look_alikes(known, 0.95, set(ids.tolist()))
    assert {pair.person_ids: pytest.approx(pair.score, abs=1e-5) for pair in found} == expected
    assert isinstance(found[0], LookAlikes)


def test_the_more_are_compared_the_more_alike_a_likeness_has_to_be() -> None:
    model = find_model("deconv_v2")
    cosines = [alarm_cosine(model, compared) for compared in (0, 1, 100, 10_000, 1_000_000)]
    assert cosines == sorted(cosines)
    assert cosines[-1] < 1
    assert model.impostors
    assert model.impostors.photos.rate(cosine_of_strangers(model, 1e-3)) == pytest.approx(1e-3)


def test_a_model_that_says_nothing_of_strangers_has_its_threshold() -> None:
    model = ModelSpec.model_construct(threshold=0.4, impostors=None)
    assert alarm_cosine(model, 1000) == cosine_of_strangers(model, 0.1) == 0.4
