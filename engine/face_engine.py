"""The engine as one object: a picture in, its faces out."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from config import Settings
from engine.alignment import align
from engine.detectors import Detector, load_detector
from engine.embedder import Embedder
from engine.faces import Detections
from engine.manifests import find_model
from engine.quality import Quality, measure_quality


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Everything about the N faces of one picture."""

    detections: Detections
    crops: NDArray[np.uint8]
    """(N, 112, 112, 3) uint8 BGR, aligned."""
    quality: Quality
    """Of the N crops."""
    embeddings: NDArray[np.float32]
    """(N, D) float32, L2 norm 1."""

    def __len__(self) -> int:
        return len(self.detections)


class FaceEngine:
    """Finds and embeds faces. An instance is used from one thread."""

    def __init__(self, detector: Detector, embedder: Embedder, smallest_face_px: float = 0) -> None:
        self.detector, self.embedder = detector, embedder
        self._smallest_face_px = smallest_face_px

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Returns an engine with the models that the settings name.

        Raises:
            ModelError: one is unknown, not installed, altered, or not loadable.
            RuntimeUnavailableError: the runtime that the settings name cannot be imported.
        """
        detection, embedding = settings.detection, settings.embedding
        detector = load_detector(
            find_model(detection.model, settings.models),
            detection.size_px,
            detection.threshold,
            embedding.runtime,
            embedding.threads,
        )
        embedder = Embedder.load(find_model(embedding.model, settings.models), embedding.runtime, embedding.threads)
        return cls(detector, embedder, detection.smallest_face_px)

    def analyze(self, image_bgr: NDArray[np.uint8]) -> Faces:
        """Returns the faces of a picture, (H, W, 3) uint8 BGR, best detector score first.

        Faces below `detection.smallest_face_px` are left out.
        """
        [found] = self.detector.detect([image_bgr])
        found = found[np.flatnonzero(found.sides >= self._smallest_face_px)]
        crops = align(image_bgr, found.landmarks, self.embedder.size)
        return Faces(found, crops, measure_quality(crops, found), self.embedder.embed(crops))
