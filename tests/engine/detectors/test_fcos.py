"""The product reads the network's outputs as training means them."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.detectors.fcos import STRIDES, decode
from training.detection.losses import decode_boxes, decode_landmarks
from training.detection.network import OUTPUTS, split

HEIGHT, WIDTH = 64, 96


@given(st.integers(0, 1000), st.floats(0.05, 0.95))
def test_faces_are_those_that_training_means(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    raws = [rng.normal(0, 2, (1, OUTPUTS, HEIGHT // s, WIDTH // s)).astype(np.float32) for s in STRIDES]
    found = decode({f"at{s}": raw for s, raw in zip(STRIDES, raws, strict=True)}, HEIGHT, WIDTH, threshold)
    boxes, landmarks, scores = [], [], []
    for stride, raw in zip(STRIDES, raws, strict=True):
        level = split(torch.from_numpy(raw))
        sure = level.logits.double().sigmoid() >= threshold
        boxes.append(decode_boxes(level, stride)[sure])
        landmarks.append(decode_landmarks(level, stride)[sure])
        scores.append(level.logits[sure].sigmoid())
    assert np.allclose(found.boxes, torch.cat(boxes), rtol=1e-4, atol=1e-2)
    assert np.allclose(found.landmarks, torch.cat(landmarks), rtol=1e-4, atol=1e-2)
    assert np.allclose(found.scores, torch.cat(scores), atol=1e-5)


def test_a_picture_without_faces_gives_none() -> None:
    raws = {f"at{s}": np.full((1, OUTPUTS, HEIGHT // s, WIDTH // s), -9, np.float32) for s in STRIDES}
    assert len(decode(raws, HEIGHT, WIDTH, 0.5)) == 0
