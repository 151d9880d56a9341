"""The way from a picture to its faces, which all detectors share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.detectors import finder, scrfd
from engine.detectors.letterbox import STRIDE, letterbox
from engine.detectors.nms import suppress_overlaps
from engine.detectors.refined import RefinedDetector, first_threshold
from engine.detectors.tiles import TiledDetector
from engine.errors import ModelError
from engine.faces import Detections
from engine.images import Picture, shrunk_bgr, size_of
from engine.landmarks import LandmarkPlacer
from engine.manifests import ModelSpec
from engine.runtimes import DEFAULTS, Execution, Runtime, load_runtime


class Detector(Protocol):
    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        """Returns the faces of each picture, best score first, in that picture's own pixels. Sizes may differ."""
        ...


Decode = Callable[[Mapping[str, NDArray[np.float32]], int, int, float], Detections]


@dataclass(frozen=True, slots=True)
class Head:
    """What is particular to a kind of detector."""

    decode: Decode
    largest_overlap: float


HEADS = {
    "finder": Head(finder.decode, finder.LARGEST_OVERLAP),
    "scrfd": Head(scrfd.decode, scrfd.LARGEST_OVERLAP),
}

MOST_PLACES = 2000
"""Of a picture, the best ones, that are looked at for overlaps. A face of 100 pixels has a few dozen; with a threshold
near 0 every place is one, and comparing all would take seconds."""


def load_detector(
    spec: ModelSpec,
    size_px: int = 640,
    threshold: float = 0.5,
    tiles: int = 1,
    how: Execution = DEFAULTS,
) -> Detector:
    """Returns a detector that is ready to use.

    Args:
        spec: its manifest.
        size_px: pictures are made this large (longer side) before faces are looked for; smaller ones stay as they are.
        threshold: least score of a face.
        tiles: see `TiledDetector`.
        how: its networks are executed.

    Raises:
        ModelError: no detector, not installed, altered, or not loadable.
    """
    if spec.task != "detector":
        raise ModelError(f"model {spec.name} is no detector but an {spec.task}. See `deconvid models list`")
    head = HEADS[spec.kind]
    longer, shorter = (-(-side // STRIDE) * STRIDE for side in (size_px, size_px * 9 // 16))
    runtime = load_runtime(spec.verified_path(), how, usual=(1, 3, shorter, longer))
    placer = spec.placer()
    detector: Detector = NetworkDetector(
        spec, head, runtime, size_px, first_threshold(threshold) if placer else threshold
    )
    if tiles > 1:
        detector = TiledDetector(detector, tiles, tiles * size_px)
    if placer is None:
        return detector
    return RefinedDetector(detector, LandmarkPlacer.load(placer, how), threshold)


class NetworkDetector:
    """A detector made of one network."""

    def __init__(self, spec: ModelSpec, head: Head, runtime: Runtime, size_px: int, threshold: float) -> None:
        self._spec, self._runtime = spec, runtime
        self._head, self._size_px, self._threshold = head, size_px, threshold

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        # One by one: on a processor a batch of four takes as long as four pictures, and cameras differ in shape.
        return [self._detect(picture) for picture in pictures]

    def _detect(self, picture: Picture) -> Detections:
        image, scale = shrunk_bgr(picture, self._size_px)
        padded, further = letterbox(image, self._size_px)
        blob = cv2.dnn.blobFromImage(
            padded, 1 / self._spec.std, mean=(self._spec.mean,) * 3, swapRB=self._spec.colour == "rgb"
        )
        outputs = self._runtime.run({self._runtime.input_names[0]: np.asarray(blob, np.float32)})
        height, width = padded.shape[:2]
        found = self._head.decode(outputs, height, width, self._threshold)
        if len(found) > MOST_PLACES:
            found = found[np.argpartition(-found.scores, MOST_PLACES)[:MOST_PLACES]]
        found = found[suppress_overlaps(found.boxes, found.scores, self._head.largest_overlap)]
        return _inside(found.scaled(1 / (scale * further)), *size_of(picture))


def _inside(found: Detections, width: int, height: int) -> Detections:
    """Cuts boxes at the picture's edges and drops those that lie in the padding."""
    boxes = np.clip(found.boxes, 0, np.array([width, height, width, height], np.float32))
    visible = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    return Detections(boxes, found.scores, found.landmarks)[visible]
