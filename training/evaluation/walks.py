"""Looks at somebody who walks towards a camera, made of pictures: what a track of the daemon consists of.

The scene is drawn once for each walk (light, noise, compression), for it does not change from look to look; what does
change is drawn for each look (size, blur, misalignment, a hand before the face). Fusion has to live with the former and
may only average out the latter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine import Detections
from engine.alignment import ARCFACE_TEMPLATE, TEMPLATE_SIZE
from engine.quality import Quality, measure_quality
from training.degrade import DegradationRanges, degrade, relight

Image = NDArray[np.uint8]

FARTHEST_PX = (16.0, 40.0)
"""Side of the aligned crop, in the camera's pixels, when the face is seen first: eyes 5 to 13 pixels apart."""
APPROACH = (1.0, 3.0)
"""How many times larger it is in the end."""
JITTER = 0.08
"""Standard deviation of the logarithm of each look's size."""
SMALLEST_PX, LARGEST_PX = 12, 112
SCORE = 0.9
"""Of a detector; a degraded crop alone does not tell what it would be."""


@dataclass(frozen=True, slots=True)
class Walk:
    crops: NDArray[np.uint8]
    """(L, 112, 112, 3) BGR, aligned, in the order in which they were seen."""
    sides: NDArray[np.intp]
    """(L,) how many of the camera's pixels each crop's side had."""

    def quality(self) -> Quality:
        """What the daemon thinks of the looks; the pose is taken for frontal."""
        landmarks = (ARCFACE_TEMPLATE * self.sides[:, None, None] / TEMPLATE_SIZE).astype(np.float32)
        boxes = np.concatenate([landmarks.min(axis=1), landmarks.max(axis=1)], axis=1)
        scores = np.full(len(self.sides), SCORE, np.float32)
        return measure_quality(self.crops, Detections(boxes, scores, landmarks))


def walk(pictures: Sequence[Image], rng: np.random.Generator, looks: int) -> Walk:
    """Returns so many looks at somebody who comes nearer.

    Args:
        pictures: (112, 112, 3) uint8 BGR aligned crops of one person; each look shows one of them.
        rng: the only source of chance.
        looks: how many.
    """
    seed = int(rng.integers(1 << 31))
    is_lit = rng.random() < 0.5
    quality = int(rng.integers(15, 85))
    scene = DegradationRanges(
        distance=0.0,
        occlusion=0.05,
        light=0.0,
        noise=1.0,
        noise_sigma=float(rng.uniform(0, 35)),
        compression=1.0,
        jpeg_quality=(quality, quality + 1),
    )
    farthest, nearer = rng.uniform(*FARTHEST_PX), rng.uniform(*APPROACH)
    approach = farthest * nearer ** np.linspace(0, 1, looks) * np.exp(rng.normal(0, JITTER, looks))
    sides = np.clip(approach, SMALLEST_PX, LARGEST_PX).round().astype(np.intp)
    crops = []
    for side in sides.tolist():
        picture = pictures[int(rng.integers(len(pictures)))]
        if is_lit:
            picture = relight(picture, np.random.default_rng(seed))
        small = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        seen = degrade(small, rng, scene)
        enlarged = cv2.resize(seen, (TEMPLATE_SIZE, TEMPLATE_SIZE), interpolation=cv2.INTER_LINEAR)
        crops.append(np.asarray(enlarged, np.uint8))
    return Walk(np.stack(crops), sides)
