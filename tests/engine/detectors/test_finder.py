"""The product reads the network's outputs as training means them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import ModelError
from engine.detectors.finder import STRIDES, decode
from training.detection import network

HEIGHT, WIDTH = 64, 96


@given(st.integers(0, 1000), st.floats(0.05, 0.95))
def test_faces_are_those_that_training_means(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    raws = [rng.normal(0, 2, (1, network.OUTPUTS, HEIGHT // s, WIDTH // s)).astype(np.float32) for s in STRIDES]
    found = decode({f"at{s}": raw for s, raw in zip(STRIDES, raws, strict=True)}, HEIGHT, WIDTH, threshold)
    meant = network.decode([torch.from_numpy(raw) for raw in raws])
    sure = meant.log_scores.double().exp() >= threshold
    assert np.allclose(found.boxes, meant.boxes[sure], rtol=1e-4, atol=1e-2)
    assert np.allclose(found.landmarks, meant.landmarks[sure], rtol=1e-4, atol=1e-2)
    assert np.allclose(found.scores, meant.log_scores[sure].exp(), atol=1e-5)


def test_a_picture_without_faces_gives_none() -> None:
    raws = {f"at{s}": np.full((1, network.OUTPUTS, HEIGHT // s, WIDTH // s), -9, np.float32) for s in STRIDES}
    assert len(decode(raws, HEIGHT, WIDTH, 0.5)) == 0


def test_a_network_of_another_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="has 3 outputs of 16, this one gives 12 of"):
        decode({f"a{i}": np.zeros((1, 4, 2, 2), np.float32) for i in range(12)}, HEIGHT, WIDTH, 0.5)
