"""Who plays in the demo: people on sample pictures that installed packages ship."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from config import DeconvIDError
from engine import Detections
from engine.detectors import Detector
from engine.photos import load_photo

HEAD_WIDTHS = 2.0
"""A cut-out is so many face widths wide and high: hair and shoulders belong to the picture of a person."""

CUT_OUT_PX = 320


@dataclass(frozen=True, slots=True)
class SamplePicture:
    """A picture inside an installed package, and the people on it from left to right."""

    package: str
    file: str
    people: tuple[str, ...]


ASTRONAUT = SamplePicture("skimage", "data/astronaut.png", ("Eileen Collins",))
ACTOR = SamplePicture("insightface", "data/images/Tom_Hanks_54745.png", ("Tom Hanks",))
GROUP = SamplePicture("insightface", "data/images/t1.jpg", tuple(f"stranger {n}" for n in range(1, 7)))

ENROLLED = (ASTRONAUT, ACTOR)


@dataclass(frozen=True, slots=True)
class CutOut:
    """A person to be moved about."""

    person: str
    pixels: NDArray[np.uint8]
    """(CUT_OUT_PX, CUT_OUT_PX, 3) BGR."""
    alpha: NDArray[np.float32]
    """(CUT_OUT_PX, CUT_OUT_PX, 1) in 0..1: an ellipse with a soft edge."""
    face_share: float
    """Height of the face as a share of the cut-out's side."""


def read(picture: SamplePicture) -> NDArray[np.uint8]:
    """Returns the picture, (H, W, 3) uint8 BGR."""
    with as_file(files(picture.package) / picture.file) as path:
        return load_photo(path)


def copy_to(picture: SamplePicture, folder: Path) -> Path:
    """Writes the picture into a folder, to be enrolled from there like anybody's photo."""
    path = folder / Path(picture.file).name
    path.write_bytes((files(picture.package) / picture.file).read_bytes())
    return path


def cut_out(picture: SamplePicture, detector: Detector) -> list[CutOut]:
    """Returns everybody on the picture; strangers in the background beyond the named ones are left out."""
    image = read(picture)
    faces = _largest(detector.detect([image])[0], len(picture.people))
    if len(faces) < len(picture.people):
        raise DeconvIDError(
            f"{picture.file}: {len(faces)} faces found, {len(picture.people)} expected. Reinstall {picture.package}"
        )
    from_the_left = faces[np.argsort(faces.boxes[:, 0])]
    return [_cut(image, box, person) for person, box in zip(picture.people, from_the_left.boxes, strict=True)]


def cast(detector: Detector, pictures: Sequence[SamplePicture] = (ASTRONAUT, ACTOR, GROUP)) -> list[CutOut]:
    return [actor for picture in pictures for actor in cut_out(picture, detector)]


def _largest(faces: Detections, count: int) -> Detections:
    areas = (faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(1)
    return faces[np.argsort(areas)[::-1][:count]]


def _cut(image: NDArray[np.uint8], box: NDArray[np.float32], person: str) -> CutOut:
    width, height = box[2:] - box[:2]
    side = HEAD_WIDTHS * float(max(width, height))
    scale = CUT_OUT_PX / side
    left, top = (box[:2] + box[2:]) / 2 - side / 2
    move = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]], np.float64)
    pixels = cv2.warpAffine(image, move, (CUT_OUT_PX, CUT_OUT_PX), borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((CUT_OUT_PX, CUT_OUT_PX), np.float32)
    middle = CUT_OUT_PX // 2
    cv2.ellipse(mask, (middle, middle), (round(middle * 0.8), round(middle * 0.92)), 0, 0, 360, 1.0, -1)
    alpha = cv2.GaussianBlur(mask, (0, 0), CUT_OUT_PX / 40)[..., None]
    return CutOut(person, pixels.astype(np.uint8), alpha, float(height) / side)
