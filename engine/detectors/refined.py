"""Faces that are looked at again, each alone and in the camera's own pixels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.faces import Detections
from engine.images import Picture
from engine.landmarks import LandmarkPlacer

if TYPE_CHECKING:
    from engine.detectors.detector import Detector

MOST_FACES = 128
"""Of a picture, the best ones, that are looked at again."""
SAME = 0.45
"""Mean distance of the landmarks below which two faces are one, by how far they lie around their middle: a third of the
eye distance of a face seen from the front, and something in profile, too."""


def first_threshold(threshold: float) -> float:
    """Returns the least score that a face needs at the first look, to reach the threshold after the second."""
    return threshold**2


class RefinedDetector:
    """Args: detector: finds, at `first_threshold`; placer: looks again; threshold: least score after that."""

    def __init__(self, detector: "Detector", placer: LandmarkPlacer, threshold: float) -> None:
        self._detector, self._placer, self._threshold = detector, placer, threshold

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        looks = zip(pictures, self._detector.detect(pictures), strict=True)
        return [self._again(picture, found) for picture, found in looks]

    def _again(self, picture: Picture, found: Detections) -> Detections:
        placed = self._placer.place(picture, found[:MOST_FACES])
        placed = placed[placed.scores >= self._threshold]
        return one_of_each(placed[np.argsort(-placed.scores, kind="stable")])


def one_of_each(found: Detections) -> Detections:
    """Returns the faces without those whose landmarks are a better one's: two boxes beside each other led to it.

    Args:
        found: best score first.
    """
    points = found.landmarks
    apart = np.linalg.norm(points[:, None] - points, axis=-1).mean(axis=-1)
    spread = np.linalg.norm(points - points.mean(axis=1, keepdims=True), axis=-1).mean(axis=-1)
    same = apart < SAME * np.minimum(spread[:, None], spread)
    kept: list[int] = []
    for face in range(len(found)):
        if not same[face, kept].any():
            kept.append(face)
    return found[np.array(kept, np.intp)]
