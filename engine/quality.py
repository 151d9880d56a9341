"""How much a crop is worth recognising, and what is wrong with it.

quality = size^0.8 * sharpness^0.5 * pose^0.6 * score^0.4, each factor in 0..1. It is a product: one bad factor spoils
a crop, as a face in profile is not made up for by being large.
"""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.alignment import ARCFACE_TEMPLATE, TEMPLATE_SIZE
from engine.faces import Detections


class Fault(StrEnum):
    """What is worst about a crop."""

    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    TURNED = "turned"
    UNSURE = "unsure"


FAULTS = tuple(Fault)
"""In the order of the factors' columns."""
WEIGHTS = np.array([0.8, 0.5, 0.6, 0.4], np.float32)

EYES_NOTHING_PX, EYES_ENOUGH_PX = 4.0, 32.0
"""Eye distance in the source's pixels at which size counts 0 and 1; a face is about 2.7 times as wide."""
SHARP_ENOUGH = 0.012
"""Variance of the Laplacian over the squared mean brightness from which a crop counts as sharp."""
YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT_DEG = 0.75, 0.35, 75.0
SCORE_NOTHING = 0.3
TEMPLATE_EYES_PX = float(ARCFACE_TEMPLATE[1, 0] - ARCFACE_TEMPLATE[0, 0])


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """The quality of N crops."""

    factors: NDArray[np.float32]
    """(N, 4) float32, 0..1, weighted: size, sharpness, pose, score."""

    @property
    def values(self) -> NDArray[np.float32]:
        """(N,) float32, 0..1."""
        product: NDArray[np.float32] = self.factors.prod(axis=1)
        return product

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What lowers each crop's quality most."""
        return tuple(FAULTS[worst] for worst in self.factors.argmin(axis=1))


def measure_quality(crops: NDArray[np.uint8], detections: Detections) -> Quality:
    """Returns the quality of each crop.

    Args:
        crops: (N, size, size, 3) uint8 BGR, aligned.
        detections: the N faces they were cut from, in the source's own pixels.
    """
    eyes = detections.eye_distances
    factors = np.stack(
        [
            _size(eyes),
            _sharpness(crops, eyes),
            _pose(detections.landmarks, eyes),
            np.clip((detections.scores - SCORE_NOTHING) / (1 - SCORE_NOTHING), 0, 1),
        ],
        axis=1,
    )
    return Quality((factors**WEIGHTS).astype(np.float32))


def _size(eyes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Linear in the logarithm of the eye distance: each doubling adds as much."""
    ratio = np.log(np.maximum(eyes, 1e-3) / EYES_NOTHING_PX) / np.log(EYES_ENOUGH_PX / EYES_NOTHING_PX)
    size: NDArray[np.float64] = np.clip(ratio, 0, 1)
    return size


def _sharpness(crops: NDArray[np.uint8], eyes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Variance of the Laplacian over the squared mean, so that a dark face is not taken for a blurred one.

    A crop that was enlarged is first brought back to its source's size: smallness is the business of `_size`.
    """
    sharpness = np.zeros(len(crops))
    for i, (crop, distance) in enumerate(zip(crops, eyes, strict=True)):
        grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
        enlarged = TEMPLATE_EYES_PX * len(crop) / TEMPLATE_SIZE / max(float(distance), 1e-3)
        if enlarged > 1:
            side = max(8, round(len(crop) / enlarged))
            grey = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
        variance = float(cv2.Laplacian(grey, cv2.CV_32F).var())
        sharpness[i] = variance / SHARP_ENOUGH / max(float(grey.mean()), 8.0) ** 2
    return np.clip(sharpness, 0, 1)


def _pose(landmarks: NDArray[np.float32], eyes: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 for a frontal, upright face; 0 for a profile, a face that looks far up or down, or one on its side.

    Yaw: how far the nose lies from the middle of the face, along the line of the eyes, in eye distances. Pitch: how
    much of the way from the eyes to the mouth the nose takes, against the template's half. Both are cosine ramps.
    """
    left_eye, right_eye, nose, left_mouth, right_mouth = landmarks.astype(np.float64).transpose(1, 0, 2)
    across = (right_eye - left_eye) / np.maximum(eyes, 1e-3)[:, None]
    down = np.stack([-across[:, 1], across[:, 0]], axis=1)
    from_eyes = nose - (left_eye + right_eye) / 2
    height = np.maximum((((left_mouth + right_mouth) - (left_eye + right_eye)) / 2 * down).sum(axis=1), 1e-3)
    yaw = np.abs((from_eyes * across).sum(axis=1)) / np.maximum(eyes, 1e-3) / YAW_LIMIT
    pitch = np.abs((from_eyes * down).sum(axis=1) / height - 0.5) / PITCH_LIMIT
    roll = np.degrees(np.abs(np.arctan2(across[:, 1], across[:, 0]))) / ROLL_LIMIT_DEG
    turned = np.minimum(np.stack([yaw, pitch, roll]), 1)
    ramps: NDArray[np.float64] = np.cos(turned * np.pi / 2).prod(axis=0)
    return ramps
