"""What the landmark network learns from: faces framed as a detector's rough landmarks do, and what is no face.

python -m training.landmarks.views --out views.png        # look at some, labels drawn
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.alignment import ARCFACE_TEMPLATE, TEMPLATE_SIZE, similarity
from engine.landmarks import CROP_PX, RIM_PX, VIEW_PX, views
from training.degrade import DegradationRanges, degrade
from training.detection.backgrounds import load_backgrounds
from training.detection.patches import MIRRORED
from training.detection.pictures import load_pictures
from training.landmarks.labels import load_crops
from training.landmarks.mistakes import load_mistakes

Image = NDArray[np.uint8]
Points = NDArray[np.float32]
Generator = np.random.Generator

NOBODY = 0.3
"""Share of views without a face, or with one that is framed as none should be."""
TURNED_AWAY = 0.1
"""Share of the faces on which the teacher saw none: they are faces all the same, and nothing else is known of them."""
IN_CONTEXT = 0.4
"""Share of the faces that are cut out of a whole picture; the others out of an aligned crop."""
DEGRADED = 0.7
RANGES = DegradationRanges(smallest_face_px=8, misalignment=0, occlusion=0.2)
PADDING = 0.4
"""Of a picture's side, on each of its sides: faces fill their pictures, and rough landmarks look beyond."""
RIMS = (cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101, cv2.BORDER_CONSTANT)
"""How a picture may go on there; one way alone would tell how wrong the landmarks are."""
ROUGH_SHARES = (0.05, 0.06)
"""Standard deviations of a rough landmark and of all five together, in eye distances: a little more than YuNet's."""
WILD, WILDER = 0.1, 3.0
"""Share of the faces whose landmarks are rougher, and how much."""
MISTAKEN = 0.5
"""Share of views of backgrounds that look a little like a face."""
SMALLEST_EYES_PX, LARGEST_EYES_PX = 4.0, 80.0
"""Eye distance for which a background is framed."""


@dataclass(frozen=True, slots=True)
class View:
    image: Image
    """(64, 64, 3) BGR."""
    landmarks: Points | None
    """(5, 2), pixels of the view; None: there is no face, or nobody knows where they are."""
    is_face: bool


@dataclass(frozen=True, slots=True)
class Face:
    """A picture and where it has landmarks."""

    image: Image
    landmarks: Points

    @property
    def eye_distance(self) -> float:
        return float(np.linalg.norm(self.landmarks[1] - self.landmarks[0]))

    def mirrored(self) -> "Face":
        width = self.image.shape[1]
        points = self.landmarks[MIRRORED] * np.array([-1, 1], np.float32) + np.array([width - 1, 0], np.float32)
        return Face(np.ascontiguousarray(self.image[:, ::-1]), points)


class ViewMaker:
    """Args: indices: of the aligned crops to draw from."""

    def __init__(self, indices: NDArray[np.intp]) -> None:
        self._crops, self._pictures = load_crops(), load_pictures()
        sure = self._crops.sure[indices]
        self._indices, self._turned_away = indices[sure], indices[~sure]
        self._in_context = np.flatnonzero(self._pictures.sure)
        self._backgrounds, self._mistakes = load_backgrounds(), load_mistakes()

    def make(self, rng: Generator) -> View:
        """Returns a view; one generator state, one view."""
        make: Callable[[Generator], View] = self._nobody if rng.random() < NOBODY else self._somebody
        view = make(rng)
        if rng.random() >= DEGRADED:
            return view
        return replace(view, image=degrade(view.image, rng, RANGES))

    def _somebody(self, rng: Generator) -> View:
        is_turned = rng.random() < TURNED_AWAY
        face = self._turned(rng) if is_turned else self._face(rng)
        wild = WILDER if rng.random() < WILD else 1.0
        each, all_ = (share * wild * face.eye_distance for share in ROUGH_SHARES)
        rough = face.landmarks + rng.normal(0, each, (5, 2)) + rng.normal(0, all_, 2)
        view = framed(face, rough.astype(np.float32))
        return replace(view, landmarks=None) if is_turned else view

    def _turned(self, rng: Generator) -> Face:
        """Returns a face with the landmarks by which it was aligned, which are no more than rough."""
        image = self._crops.images[rng.choice(self._turned_away)]
        return padded(Face(image, ARCFACE_TEMPLATE), rng)

    def _face(self, rng: Generator) -> Face:
        if rng.random() < IN_CONTEXT:
            which = rng.choice(self._in_context)
            face = Face(self._pictures.images[self._pictures.picture[which]], self._pictures.landmarks[which])
        else:
            which = rng.choice(self._indices)
            face = Face(self._crops.images[which], self._crops.landmarks[which])
        face = padded(face, rng)
        return face.mirrored() if rng.random() < 0.5 else face

    def _nobody(self, rng: Generator) -> View:
        return self._misframed(rng) if rng.random() < 0.25 else self._background(rng)

    def _background(self, rng: Generator) -> View:
        if rng.random() < MISTAKEN:
            pictures, landmarks = self._mistakes
            which = rng.integers(len(pictures))
            each = ROUGH_SHARES[0] * float(np.linalg.norm(landmarks[which, 1] - landmarks[which, 0]))
            rough = landmarks[which] + rng.normal(0, each, (5, 2))
            return nothing(self._backgrounds[pictures[which]], rough.astype(np.float32))
        image = self._backgrounds[rng.integers(len(self._backgrounds))]
        eyes_px = float(np.exp(rng.uniform(np.log(SMALLEST_EYES_PX), np.log(LARGEST_EYES_PX))))
        middle = rng.uniform(0.1, 0.9, 2) * image.shape[1::-1]
        return nothing(image, _template_at(middle, eyes_px, rng.normal(0, 15)))

    def _misframed(self, rng: Generator) -> View:
        which = rng.choice(self._in_context)
        pictures = self._pictures
        face = padded(Face(pictures.images[pictures.picture[which]], pictures.landmarks[which]), rng)
        return nothing(face.image, misframed(face, rng))


def misframed(face: Face, rng: Generator) -> Points:
    """Returns landmarks that show a part of a face, or what is beside it: what a detector takes for one at times."""
    eyes_px, middle = face.eye_distance, face.landmarks.mean(0)
    if rng.random() < 0.5:
        eyes_px *= rng.uniform(0.25, 0.5)
        middle = middle + rng.uniform(-1, 1, 2) * eyes_px
    else:
        angle = rng.uniform(0, 2 * np.pi)
        middle = middle + rng.uniform(1.2, 2) * eyes_px * np.array([np.cos(angle), np.sin(angle)])
    return _template_at(middle, eyes_px, rng.normal(0, 15))


def padded(face: Face, rng: Generator) -> Face:
    """Returns the picture with more around it."""
    by = round(PADDING * face.image.shape[0])
    image = cv2.copyMakeBorder(face.image, by, by, by, by, RIMS[rng.integers(len(RIMS))])
    return Face(np.asarray(image, np.uint8), face.landmarks + np.float32(by))


def nothing(image: Image, rough: Points) -> View:
    """Returns the view that landmarks give where there is no face."""
    [shown] = views(image, rough[None])
    return View(np.ascontiguousarray(shown), None, is_face=False)


def framed(face: Face, rough: Points) -> View:
    """Returns the view of a face that rough landmarks, (5, 2), give."""
    [image] = views(face.image, rough[None])
    matrix = similarity(rough, ARCFACE_TEMPLATE * np.float32(CROP_PX / TEMPLATE_SIZE))
    landmarks = face.landmarks @ matrix[:, :2].T + matrix[:, 2] - RIM_PX
    return View(np.ascontiguousarray(image), landmarks.astype(np.float32), is_face=True)


def _template_at(middle: NDArray[np.float64], eyes_px: float, turn_deg: float) -> Points:
    """Returns landmarks as the template's, (5, 2), of a given size and turn, somewhere."""
    shape = ARCFACE_TEMPLATE - ARCFACE_TEMPLATE.mean(0)
    turn = cv2.getRotationMatrix2D((0, 0), turn_deg, eyes_px / float(shape[1, 0] - shape[0, 0]))[:, :2]
    return np.asarray(shape @ turn.T + middle, np.float32)


def contact_sheet(shown: Sequence[View], columns: int = 12) -> Image:
    tiles = []
    for view in shown:
        tile = np.asarray(cv2.resize(view.image, None, fx=2, fy=2), np.uint8)
        for point in [] if view.landmarks is None else np.round(view.landmarks * 2 + 0.5).astype(int).tolist():
            cv2.circle(tile, point, 2, (0, 255, 0), -1)
        tiles.append(tile)
    tiles += [np.zeros((2 * VIEW_PX, 2 * VIEW_PX, 3), np.uint8)] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[row : row + columns]) for row in range(0, len(tiles), columns)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--out", default="views.png")
    args = parser.parse_args()
    maker = ViewMaker(np.arange(len(load_crops().images)))
    cv2.imwrite(args.out, contact_sheet([maker.make(np.random.default_rng((1, i))) for i in range(args.count)]))


if __name__ == "__main__":
    main()
