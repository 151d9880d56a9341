"""What is pasted into a scene: a cut-out picture, turned, scaled, mirrored, its labels with it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.detection.pictures import SIDE_PX

Image = NDArray[np.uint8]
Mask = NDArray[np.float32]
Generator = np.random.Generator
Turn = NDArray[np.float64]
"""(2, 3), from a picture's coordinates to the scene's."""

MOST_LARGER = 2.0
TURN_DEG = 12.0
"""Standard deviation."""
MASKS, MASK_LEVELS = 64, 5
"""Shapes in which pictures are cut out, and how often each is halved."""
MIRRORED = [1, 0, 2, 4, 3]
"""Order of the landmarks in a mirrored picture."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Of a picture's faces."""

    boxes: NDArray[np.float32]
    """(F, 4) x1 y1 x2 y2, pixels."""
    landmarks: NDArray[np.float32]
    """(F, 5, 2)."""
    sure: NDArray[np.bool_]
    """(F,), whether it is a face to be found; others are neither face nor background."""

    @staticmethod
    def joined(parts: Sequence["Labels"]) -> "Labels":
        return Labels(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.landmarks for part in parts]),
            np.concatenate([part.sure for part in parts]),
        )


NOBODY = Labels(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, bool))


@dataclass(frozen=True, slots=True)
class Source:
    """What may be pasted."""

    read: Callable[[], Image]
    """Returns (224, 224, 3) BGR."""
    labels: Labels


def nobody(read: Callable[[], Image]) -> Source:
    """Returns a source without a face, from a picture of any size."""
    return Source(lambda: np.asarray(cv2.resize(read(), (SIDE_PX, SIDE_PX)), np.uint8), NOBODY)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a scene a picture goes, and how."""

    turn: Turn
    scale: float
    where: tuple[slice, slice]
    """Rows and columns of the scene that it may touch."""
    is_mirrored: bool

    def moved(self, labels: Labels) -> Labels:
        """Boxes move by their centres and scale; a face's box hardly changes with small turns."""
        middle = (labels.boxes[:, :2] + labels.boxes[:, 2:]) / 2 @ self.turn[:, :2].T + self.turn[:, 2]
        half = (labels.boxes[:, 2:] - labels.boxes[:, :2]) / 2 * self.scale
        points = labels.landmarks[:, MIRRORED] if self.is_mirrored else labels.landmarks
        return Labels(
            boxes=np.hstack([middle - half, middle + half]).astype(np.float32),
            landmarks=(points @ self.turn[:, :2].T + self.turn[:, 2]).astype(np.float32),
            sure=labels.sure,
        )


def draw_place(rng: Generator, scale: float, side: int) -> Place:
    """Args: scale: of the picture; at most `MOST_LARGER` is used. side: of the scene, pixels."""
    scale, reach, is_mirrored = min(scale, MOST_LARGER), min(scale, MOST_LARGER) * SIDE_PX / 2, rng.random() < 0.5
    angle = math.radians(rng.normal(0, TURN_DEG))
    x, y = rng.uniform(min(reach, side - reach), max(side - reach, reach), 2)
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    middle, left = (SIDE_PX - 1) / 2, -1 if is_mirrored else 1
    turn = np.array(
        [
            [left * cos, sin, x - middle * (left * cos + sin)],
            [-left * sin, cos, y - middle * (cos - left * sin)],
        ]
    )
    half = (abs(cos) + abs(sin)) * SIDE_PX / 2
    rows, columns = (slice(max(0, int(v - half)), min(side, int(v + half) + 1)) for v in (y, x))
    return Place(turn, scale, (rows, columns), is_mirrored)


def paste(scene: Image, picture: Image, masks: list[Mask], place: Place) -> None:
    """Blends a picture into the scene, in place. Args: masks: one, again and again halved."""
    halvings = min(MASK_LEVELS, max(0, math.floor(-math.log2(place.scale))))
    part = scene[place.where]
    size, turn = part.shape[1::-1], _for_halved(place, 2**halvings)
    if halvings:  # averaged first, as a lens does
        small = SIDE_PX >> halvings
        picture = np.asarray(cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
    placed = cv2.warpAffine(picture, turn, size, flags=cv2.INTER_LINEAR)
    mask = np.asarray(cv2.warpAffine(masks[halvings], turn, size, flags=cv2.INTER_LINEAR), np.float32)
    scene[place.where] = cv2.blendLinear(placed, np.ascontiguousarray(part), mask, 1 - mask)


def _for_halved(place: Place, times: int) -> Turn:
    """Returns the way from a picture that was made so many times smaller to the part of the scene."""
    rows, columns = place.where
    middle = (times - 1) / 2  # of a small pixel, among those that it averages
    shift = place.turn[:, :2].sum(1) * middle + place.turn[:, 2] - (columns.start, rows.start)
    return np.column_stack([place.turn[:, :2] * times, shift])


def make_masks() -> list[list[Mask]]:
    """Returns `MASKS` shapes, each in full size and halved `MASK_LEVELS` times."""
    masks = [_mask(np.random.default_rng(number)) for number in range(MASKS)]
    sides = [SIDE_PX >> halvings for halvings in range(MASK_LEVELS + 1)]
    return [
        [np.asarray(cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA), np.float32) for side in sides]
        for mask in masks
    ]


def _mask(rng: Generator) -> Mask:
    """(224, 224) float32: the whole picture with a soft rim, or an ellipse around the head."""
    mask = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    middle = SIDE_PX // 2
    if rng.random() < 0.5:
        rim = int(rng.integers(1, 16))
        mask[rim:-rim, rim:-rim] = 1
        return np.asarray(cv2.blur(mask, (rim, rim)), np.float32)
    cv2.ellipse(mask, (middle, middle), (int(middle * 0.86), int(middle * 0.98)), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(1, 5)), np.float32)
