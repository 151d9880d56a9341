"""Labeled Faces in the Wild: 7,701 pictures, 6,000 pairs in 10 folds. For testing only; nothing is trained on it."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine import Detections
from engine.alignment import align
from engine.detectors import Detector
from training.paths import SHARED
from training.recipe import TrainingError

FOLDER = SHARED / "data" / "lfw"


@dataclass(frozen=True, slots=True)
class Pairs:
    names: list[str]
    """Of the pictures, `Person_Name/Person_Name_0001.webp`."""
    indices: NDArray[np.intp]
    """(6000, 2), into the names."""
    same: NDArray[np.bool_]
    """(6000,), whether a pair is one person; ordered by fold."""

    @property
    def people(self) -> NDArray[np.str_]:
        """Who is on each picture."""
        return np.array([name.partition("/")[0] for name in self.names])


@dataclass(frozen=True, slots=True)
class Crops:
    pixels: NDArray[np.uint8]
    """(N, 112, 112, 3) BGR, aligned; black where no face was found."""
    missed: int
    """How many those are."""


def read_pairs(path: Path = FOLDER / "pairs.txt") -> Pairs:
    """Raises TrainingError: the file cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").strip().split("\n")[1:]
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror}). Set DECONVID_SHARED") from error
    pairs, same = [], []
    for line in lines:
        cells = line.split("\t")
        genuine = len(cells) == 3
        first, second = (cells[0], cells[1]), ((cells[0], cells[2]) if genuine else (cells[2], cells[3]))
        pairs.append([f"{name}/{name}_{int(number):04d}.webp" for name, number in (first, second)])
        same.append(genuine)
    names = sorted({name for pair in pairs for name in pair})
    index = {name: i for i, name in enumerate(names)}
    return Pairs(names, np.array([[index[n] for n in pair] for pair in pairs]), np.array(same))


def read_crops(detector: Detector, names: list[str]) -> Crops:
    """Returns the aligned face of each picture, found and aligned as the product does it; takes a minute."""
    crops, missed = np.zeros((len(names), 112, 112, 3), np.uint8), 0
    with zipfile.ZipFile(FOLDER / "images.zip") as archive:
        for i, name in enumerate(names):
            coded = np.frombuffer(archive.read(name), np.uint8)
            image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
            [found] = detector.detect([image])
            chosen = most_central(found, image.shape[1], image.shape[0])
            if chosen is None:
                missed += 1
            else:
                crops[i] = align(image, found.landmarks[[chosen]])[0]
    return Crops(crops, missed)


def most_central(detections: Detections, width: int, height: int) -> int | None:
    """Returns the face that the picture is about: large and near the middle; None if there is none."""
    if not len(detections):
        return None
    sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
    centres = detections.boxes[:, :2] + sides / 2
    off = np.square(centres - (width / 2, height / 2)).sum(1)
    return int(np.argmax(sides.prod(1) - 2 * off))
