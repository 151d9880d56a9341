import numpy as np

from training.evaluation.tracks import LOOKS, Cast, embed_tracks

NAMES = np.array(["ada", "ada", "ada", "bob", "cyn", "cyn"])


def embed(crops: np.ndarray) -> np.ndarray:
    """Brighter crops are turned further."""
    angle = crops.mean(axis=(1, 2, 3)) / 255
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def test_the_cast_enrols_the_first_picture_of_those_who_have_several():
    cast = Cast.of(NAMES)
    assert cast.photos[cast.enrollable].tolist() == [0, 4]
    assert cast.strangers() == [[3]]
    assert cast.one_picture_each() == [[1], [2], [5]]
    assert cast.several_pictures_each() == [[1, 2], [1, 2], [5]]


def test_tracks_are_the_same_for_the_same_seed_and_know_whose_they_are():
    cast, crops = Cast.of(NAMES), np.random.default_rng(1).integers(0, 256, (6, 112, 112, 3), np.uint8)
    first, second = (embed_tracks(embed, crops, cast.several_pictures_each(), cast.person, seed=3) for _ in range(2))
    assert np.array_equal(first.embeddings, second.embeddings)
    assert first.embeddings.shape == (len(first), LOOKS, 2)
    assert set(first.people.tolist()) <= {0, 2}
    assert (first.qualities.max(axis=1) > 0).all()
    assert len(first + second) == 2 * len(first)
