"""The way from a picture to its faces, which all detectors share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.detectors import centerface, fcos, scrfd
from engine.detectors.letterbox import STRIDE, letterbox
from engine.detectors.nms import suppress_overlaps
from engine.errors import ModelError
from engine.faces import Detections
from engine.manifests import ModelSpec
from engine.runtimes import DynamicShapes, Precision, Preference, Runtime, load_runtime
from engine.runtimes.calibration import Calibration


class Detector(Protocol):
    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Returns the faces of each picture, best score first, in that picture's own pixels.

        Args:
            images: (H, W, 3) uint8 BGR each; sizes may differ.
        """
        ...


Decode = Callable[[Mapping[str, NDArray[np.float32]], int, int, float], Detections]


@dataclass(frozen=True, slots=True)
class Head:
    """What is particular to a kind of detector."""

    decode: Decode
    largest_overlap: float
    input_shapes: DynamicShapes | None


HEADS = {
    "centerface": Head(centerface.decode, centerface.LARGEST_OVERLAP, centerface.INPUT_SHAPES),
    "fcos": Head(fcos.decode, fcos.LARGEST_OVERLAP, None),
    "scrfd": Head(scrfd.decode, scrfd.LARGEST_OVERLAP, None),
}


def load_detector(
    spec: ModelSpec,
    size_px: int = 640,
    threshold: float = 0.5,
    preference: Preference = "auto",
    threads: int = 0,
    precision: Precision = "f32",
    calibrations: Path | None = None,
) -> "NetworkDetector":
    """Returns a detector that is ready to use.

    Args:
        spec: its manifest.
        size_px: pictures are made this large (longer side) before faces are looked for; smaller ones stay as they are.
        threshold: least score of a face.
        preference, threads, precision: see `load_runtime`.
        calibrations: file of what the runtimes took; None: they are not compared.

    Raises:
        ModelError: no detector, not installed, altered, or not loadable.
    """
    if spec.task != "detector":
        raise ModelError(f"model {spec.name} is no detector but an {spec.task}. See `deconvid models list`")
    head = HEADS[spec.kind]
    longer, shorter = (-(-side // STRIDE) * STRIDE for side in (size_px, size_px * 9 // 16))
    calibration = Calibration(calibrations, (1, 3, shorter, longer)) if calibrations else None
    path, shapes = spec.verified_path(), head.input_shapes
    runtime = load_runtime(path, preference, threads, shapes, precision=precision, calibration=calibration)
    return NetworkDetector(spec, head, runtime, size_px, threshold)


class NetworkDetector:
    """A detector made of one network."""

    def __init__(self, spec: ModelSpec, head: Head, runtime: Runtime, size_px: int, threshold: float) -> None:
        self.spec, self.runtime = spec, runtime
        self._head, self._size_px, self._threshold = head, size_px, threshold

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        # One by one: on a processor a batch of four takes as long as four pictures, and cameras differ in shape.
        return [self._detect(image) for image in images]

    def _detect(self, image: NDArray[np.uint8]) -> Detections:
        padded, scale = letterbox(image, self._size_px)
        blob = cv2.dnn.blobFromImage(
            padded, 1 / self.spec.std, mean=(self.spec.mean,) * 3, swapRB=self.spec.colour == "rgb"
        )
        outputs = self.runtime.run({self.runtime.input_names[0]: np.asarray(blob, np.float32)})
        height, width = padded.shape[:2]
        found = self._head.decode(outputs, height, width, self._threshold)
        found = found[suppress_overlaps(found.boxes, found.scores, self._head.largest_overlap)]
        return _inside(found.scaled(1 / scale), image)


def _inside(found: Detections, image: NDArray[np.uint8]) -> Detections:
    """Cuts boxes at the picture's edges and drops those that lie in the padding."""
    height, width = image.shape[:2]
    boxes = np.clip(found.boxes, 0, np.array([width, height, width, height], np.float32))
    visible = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    return Detections(boxes, found.scores, found.landmarks)[visible]
