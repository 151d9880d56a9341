"""Where the landmarks of FairFace's aligned crops are, said by MediaPipe's face mesh (Apache-2.0).

python -m training.landmarks.labels         # once, some eight minutes
"""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.alignment import ARCFACE_TEMPLATE
from training.faces import load_faces
from training.paths import RUNS

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LabelledCrops:
    images: NDArray[np.uint8]
    """(N, 112, 112, 3) BGR, memory-mapped."""
    landmarks: NDArray[np.float32]
    """(N, 5, 2), pixels."""
    sure: NDArray[np.bool_]
    """(N,), whether the teacher saw a face."""


def load_crops() -> LabelledCrops:
    """Returns the crops and their labels, which are made on first use."""
    images, cache = load_faces(), RUNS / "fairface112-landmarks.npz"
    if not cache.exists():
        landmarks, logits = _label(images)
        np.savez(cache, landmarks=landmarks, sure=logits > 0)
    labels = np.load(cache)
    landmarks, sure = labels["landmarks"], labels["sure"]
    return LabelledCrops(images, landmarks + _convention(landmarks[sure]), sure)


def _convention(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns (2,), what to add: crops are aligned so that the middle of the five points is the template's."""
    return np.asarray(ARCFACE_TEMPLATE.mean(0) - np.median(landmarks.mean(1), 0), np.float32)


def _label(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from training.detection.teachers import FaceMesh  # OpenVINO is not at hand where a GPU trains

    mesh, template = FaceMesh(), ARCFACE_TEMPLATE.astype(np.float32)
    landmarks, logits = np.zeros((len(images), 5, 2), np.float32), np.zeros(len(images), np.float32)
    for i, image in enumerate(images):
        landmarks[i], logits[i] = mesh.five_points(np.ascontiguousarray(image), template)
        if i % 4000 == 0:
            logger.info("labelled %d of %d crops", i, len(images))
    return landmarks, logits


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    crops = load_crops()
    logger.info("%d crops, %d of them sure", len(crops.images), int(crops.sure.sum()))
