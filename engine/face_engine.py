"""The engine as one object: a picture in, its faces out."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from config import Settings
from engine.alignment import align, align_yuv
from engine.detectors import Detector, load_detector
from engine.embedder import Embedder
from engine.faces import Detections
from engine.images import YuvImage
from engine.manifests import find_model
from engine.quality import Quality, measure_quality
from engine.runtimes import Execution


@dataclass(frozen=True, slots=True, eq=False)
class FoundFaces:
    """The N faces of one picture, before they are embedded."""

    detections: Detections
    crops: NDArray[np.uint8]
    """(N, 112, 112, 3) uint8 BGR, aligned."""
    quality: Quality
    """Of the N crops."""

    def __len__(self) -> int:
        return len(self.detections)


@dataclass(frozen=True, slots=True, eq=False)
class Faces(FoundFaces):
    """Everything about the N faces of one picture."""

    embeddings: NDArray[np.float32]
    """(N, D) float32, L2 norm 1."""


class FaceEngine:
    """Finds and embeds faces. Each of its two networks is used from one thread at a time."""

    def __init__(self, detector: Detector, embedder: Embedder, smallest_face_px: float = 0) -> None:
        self.detector, self.embedder = detector, embedder
        self._smallest_face_px = smallest_face_px

    @classmethod
    def load(cls, settings: Settings, compiles: bool = False) -> Self:
        """Returns an engine with the models that the settings name.

        Args:
            compiles: see `Embedder.of`.

        Raises:
            ModelError: one is unknown, not installed, altered, or not loadable.
            RuntimeUnavailableError: the runtime that the settings name cannot be imported.
        """
        detection = settings.detection
        chosen = settings.embedding
        detector = load_detector(
            find_model(detection.model, settings.models),
            detection.size_px,
            detection.threshold,
            detection.tiles,
            Execution(chosen.runtime, chosen.threads, detection.precision, settings.runtime_calibrations),
        )
        return cls(detector, Embedder.of(settings, compiles), detection.smallest_face_px)

    def find(self, image_bgr: NDArray[np.uint8]) -> FoundFaces:
        """Returns the faces of a picture, (H, W, 3) uint8 BGR, best detector score first.

        Faces below `detection.smallest_face_px` are left out.
        """
        [found] = self.detector.detect([image_bgr])
        found = self._large(found)
        crops = align(image_bgr, found.landmarks, self.embedder.size)
        return FoundFaces(found, crops, measure_quality(crops, found))

    def find_in_frame(self, frame: YuvImage) -> FoundFaces:
        """Returns what `find` does of a camera's frame, whose crops are cut from the full resolution."""
        [found] = self.detector.detect([frame])
        found = self._large(found)
        crops = align_yuv(frame, found.landmarks, self.embedder.size)
        return FoundFaces(found, crops, measure_quality(crops, found))

    def analyze(self, image_bgr: NDArray[np.uint8]) -> Faces:
        """Returns what `find` does, and the embeddings of these faces."""
        found = self.find(image_bgr)
        return Faces(found.detections, found.crops, found.quality, self.embedder.embed(found.crops))

    def _large(self, found: Detections) -> Detections:
        return found[np.flatnonzero(found.sides >= self._smallest_face_px)]
