"""Scenes to learn from: faces of all sizes on backgrounds without faces, as a camera delivers them.

python -m training.detection.scenes --out scenes.png        # look at some, labels drawn
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degrade import add_noise, compress, relight
from training.detection.backgrounds import load_backgrounds
from training.detection.pictures import SIDE_PX, LabelledPictures, load_pictures

Image = NDArray[np.uint8]
Generator = np.random.Generator

SMALLEST_FACE_PX, LARGEST_SHARE = 8.0, 0.9
LEAST_LIMIT_PX = 48.0
"""Of the largest face of a scene."""
MOST_PATCHES = 24
"""That are tried; those that would cover another are left out."""
LEAST_SURE_PX = 7.0
"""Of a face that is to be found; smaller ones, from the background of a picture, count as nothing."""
MASKS = 64
"""Shapes in which pictures are cut out."""
DECOYS = 0.3
"""Share of what is pasted that is no face."""
DECOY_PX = SIDE_PX / 2
"""A decoy is as large as if it held a face of this size."""
MOST_OF_A_FACE = 0.3
"""Of a face's area that a decoy may show."""
MIRRORED = [1, 0, 2, 4, 3]
"""Order of the landmarks in a mirrored picture."""


@dataclass(frozen=True, slots=True)
class Scene:
    image: Image
    """(S, S, 3) BGR."""
    boxes: NDArray[np.float32]
    """(F, 4) x1 y1 x2 y2, pixels."""
    landmarks: NDArray[np.float32]
    """(F, 5, 2)."""
    sure: NDArray[np.bool_]
    """(F,), whether it is a face to be found; others are neither face nor background."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A picture of a face, as it is put into a scene."""

    where: tuple[slice, slice]
    """Rows and columns of the scene that it may touch."""
    image: NDArray[np.float32]
    """(h, w, 3)."""
    mask: NDArray[np.float32]
    """(h, w, 1) in 0..1."""
    boxes: NDArray[np.float32]
    """In the scene's coordinates, as are the landmarks."""
    landmarks: NDArray[np.float32]
    sure: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Source:
    """What may be pasted."""

    read: Callable[[], Image]
    """Returns (224, 224, 3) BGR."""
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    sure: NDArray[np.bool_]


def nobody(read: Callable[[], Image]) -> Source:
    """Returns a source without a face, from a picture of any size."""
    return Source(
        lambda: np.asarray(cv2.resize(read(), (SIDE_PX, SIDE_PX)), np.uint8),
        np.zeros((0, 4), np.float32),
        np.zeros((0, 5, 2), np.float32),
        np.zeros(0, bool),
    )


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """As many values between 8 and 16 as between 128 and 256."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class SceneMaker:
    """Args: side: of the scenes, pixels."""

    def __init__(self, side: int = 320) -> None:
        self.side = side
        self._pictures: LabelledPictures = load_pictures()
        self._backgrounds = load_backgrounds()
        # A picture whose main face no teacher was sure of would teach that it is background.
        self._usable = np.unique(self._pictures.picture[self._pictures.sure])
        self._masks = [_mask(np.random.default_rng(number)) for number in range(MASKS)]

    def make(self, rng: Generator) -> Scene:
        """Returns a scene; one generator state, one scene."""
        image = self._background(rng)
        patches: list[Patch] = []
        taken = np.zeros((self.side, self.side), bool)
        # Where no face is large, there is room for many.
        largest_px = log_uniform(rng, LEAST_LIMIT_PX, LARGEST_SHARE * self.side)
        smallest_px = log_uniform(rng, SMALLEST_FACE_PX, largest_px / 2)
        for _ in range(int(rng.integers(0, MOST_PATCHES + 1))):
            patch = self._patch(rng, taken, log_uniform(rng, smallest_px, largest_px))
            if patch is None:
                continue
            taken[patch.where] = True
            under = image[patch.where]
            image[patch.where] = (patch.mask * patch.image + (1 - patch.mask) * under).astype(np.uint8)
            patches.append(patch)
        boxes, landmarks, sure = _gather(patches)
        image = _occlude(image, boxes[sure], rng)
        return Scene(as_a_camera_does(image, rng), boxes, landmarks, sure & self._visible(boxes))

    def _background(self, rng: Generator) -> Image:
        source = self._backgrounds[rng.integers(len(self._backgrounds))]
        height, width = source.shape[:2]
        cut = int(rng.uniform(0.3, 1.0) * min(height, width))
        y, x = rng.integers(0, height - cut + 1), rng.integers(0, width - cut + 1)
        part = source[y : y + cut, x : x + cut]
        if rng.random() < 0.5:
            part = part[:, ::-1]
        return np.asarray(cv2.resize(part, (self.side, self.side), interpolation=cv2.INTER_AREA), np.uint8)

    def _patch(self, rng: Generator, taken: NDArray[np.bool_], wanted_px: float) -> Patch | None:
        """Returns something to paste, None if the place that was drawn for it is taken."""
        source = self._decoy(rng) if rng.random() < DECOYS else self._face(rng)
        boxes, landmarks = source.boxes, source.landmarks
        largest_px = float((boxes[:, 2:] - boxes[:, :2]).max()) if len(boxes) else DECOY_PX
        scale = min(wanted_px / largest_px, 2.0)
        turn = cv2.getRotationMatrix2D((SIDE_PX / 2, SIDE_PX / 2), rng.normal(0, 12), scale)
        reach = scale * SIDE_PX / 2
        room = max(self.side - reach, reach)
        turn[:, 2] += rng.uniform(min(reach, self.side - reach), room, 2) - SIDE_PX / 2
        where = _touched(turn, self.side)
        if taken[where].any():
            return None
        image = source.read()
        if rng.random() < 0.5:
            image = np.ascontiguousarray(image[:, ::-1])
            boxes, landmarks = mirrored(boxes, landmarks)
        placed = _warp(image, turn, where, scale)
        mask = _warp(self._masks[int(rng.integers(MASKS))], turn, where, scale)[..., None]
        points = landmarks @ turn[:, :2].T + turn[:, 2]
        return Patch(where, placed, mask, _turned_boxes(boxes, turn), points, source.sure)

    def _face(self, rng: Generator) -> Source:
        picture, labels = int(rng.choice(self._usable)), self._pictures
        faces = labels.faces_of(picture)
        return Source(
            lambda: np.array(labels.images[picture]), labels.boxes[faces], labels.landmarks[faces], labels.sure[faces]
        )

    def _decoy(self, rng: Generator) -> Source:
        """Returns what is no face, cut out as faces are: else the network would learn to find the cuts.

        A piece of a background, or what surrounds a face: hair, an ear, a shoulder, a corner of the face itself.
        """
        if rng.random() < 0.5:
            return nobody(lambda: self._background(rng))
        picture = int(rng.choice(self._usable))
        boxes = self._pictures.boxes[self._pictures.faces_of(picture)]
        side = int(rng.integers(48, 112))
        corners = rng.integers(0, SIDE_PX - side + 1, (8, 2))
        shares = [_largest_share(boxes, corner, side) for corner in corners]
        x, y = corners[int(np.argmin(shares))]
        if min(shares) > MOST_OF_A_FACE:
            return nobody(lambda: self._background(rng))
        return nobody(lambda: self._pictures.images[picture, y : y + side, x : x + side])

    def _visible(self, boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(F,) whether most of a face is in the picture, and large enough to be found."""
        inside = np.clip(boxes, 0, self.side)
        areas = [(b[:, 2:] - b[:, :2]).prod(1) for b in (inside, boxes)]
        sides = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0)
        return np.asarray((areas[0] > 0.6 * areas[1]) & (sides >= LEAST_SURE_PX))


def mirrored(
    boxes: NDArray[np.float32], landmarks: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns the labels of a picture whose left and right changed places."""
    last = np.float32(SIDE_PX - 1)
    boxes, landmarks = boxes[:, [2, 1, 0, 3]], landmarks[:, MIRRORED].copy()
    boxes[:, [0, 2]] = last - boxes[:, [0, 2]]
    landmarks[..., 0] = last - landmarks[..., 0]
    return boxes, landmarks


def as_a_camera_does(image: Image, rng: Generator) -> Image:
    """Blur, light, noise and compression, in the order in which they happen."""
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 2.0)).astype(np.uint8)
    if rng.random() < 0.5:
        image = relight(image, rng)
    if rng.random() < 0.4:
        image = add_noise(image, rng, 25)
    if rng.random() < 0.5:
        image = compress(image, rng, (25, 90))
    return image


def _mask(rng: Generator) -> NDArray[np.float32]:
    """(224, 224) float32: the whole picture with a soft rim, or an ellipse around the head."""
    mask = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    middle = SIDE_PX // 2
    if rng.random() < 0.5:
        rim = int(rng.integers(1, 16))
        mask[rim:-rim, rim:-rim] = 1
        return np.asarray(cv2.blur(mask, (rim, rim)), np.float32)
    cv2.ellipse(mask, (middle, middle), (int(middle * 0.86), int(middle * 0.98)), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(1, 5)), np.float32)


def _largest_share(boxes: NDArray[np.float32], corner: NDArray[np.int64], side: int) -> float:
    """Returns how much of the face that it shows most of lies in a square."""
    common = np.minimum(boxes[:, 2:], corner + side) - np.maximum(boxes[:, :2], corner)
    return float((np.maximum(common, 0).prod(1) / (boxes[:, 2:] - boxes[:, :2]).prod(1)).max())


def _touched(turn: NDArray[np.float64], side: int) -> tuple[slice, slice]:
    """Returns the rows and columns of a scene that a picture covers."""
    corners = np.array([[0, 0], [SIDE_PX, 0], [0, SIDE_PX], [SIDE_PX, SIDE_PX]]) @ turn[:, :2].T + turn[:, 2]
    (x1, y1), (x2, y2) = (np.clip(f(corners, 0), 0, side - 1).astype(int) for f in (np.min, np.max))
    return slice(int(y1), int(y2) + 1), slice(int(x1), int(x2) + 1)


def _warp(
    source: NDArray[np.uint8] | NDArray[np.float32],
    turn: NDArray[np.float64],
    where: tuple[slice, slice],
    scale: float,
) -> NDArray[np.float32]:
    """Warps into a part of the scene; where it shrinks much, the source is averaged first, as a lens does."""
    shrunk = 2 ** max(0, int(np.floor(-np.log2(scale))))
    if shrunk > 1:
        source = np.asarray(cv2.resize(source, None, fx=1 / shrunk, fy=1 / shrunk, interpolation=cv2.INTER_AREA))
        middle = (shrunk - 1) / 2  # of a shrunk pixel, among those that it averages
        turn = np.hstack([turn[:, :2] * shrunk, turn[:, :2] @ [[middle], [middle]] + turn[:, 2:]])
    rows, columns = where
    shifted = turn - [[0, 0, columns.start], [0, 0, rows.start]]
    size = (columns.stop - columns.start, rows.stop - rows.start)
    return np.asarray(cv2.warpAffine(source, shifted, size, flags=cv2.INTER_LINEAR), np.float32)


def _turned_boxes(boxes: NDArray[np.float32], turn: NDArray[np.float64]) -> NDArray[np.float32]:
    """Moves the boxes' centres and scales their sides; a face's box hardly changes with small turns."""
    scale = float(np.hypot(turn[0, 0], turn[0, 1]))
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn[:, :2].T + turn[:, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * scale
    return np.hstack([middle - half, middle + half]).astype(np.float32)


def _gather(patches: list[Patch]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    if not patches:
        return np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, bool)
    return (
        np.concatenate([patch.boxes for patch in patches]).astype(np.float32),
        np.concatenate([patch.landmarks for patch in patches]).astype(np.float32),
        np.concatenate([patch.sure for patch in patches]),
    )


def _occlude(image: Image, boxes: NDArray[np.float32], rng: Generator) -> Image:
    """Covers up to a third of some faces with a piece of the same picture: a hand, a mask, another's shoulder."""
    for x1, y1, x2, y2 in boxes:
        if rng.random() > 0.15:
            continue
        width, height = int((x2 - x1) * rng.uniform(0.2, 1.0)), int((y2 - y1) * rng.uniform(0.1, 0.35))
        if width < 2 or height < 2 or width >= image.shape[1] or height >= image.shape[0]:
            continue
        x = int(np.clip(rng.uniform(x1, x2 - width), 0, image.shape[1] - width))
        y = int(np.clip(rng.uniform(y1, y2 - height), 0, image.shape[0] - height))
        u, v = rng.integers(0, image.shape[1] - width), rng.integers(0, image.shape[0] - height)
        image[y : y + height, x : x + width] = image[v : v + height, u : u + width].copy()
    return image


def contact_sheet(maker: SceneMaker, count: int, seed: int = 1, columns: int = 6) -> Image:
    tiles = []
    for number in range(count):
        scene = maker.make(np.random.default_rng((seed, number)))
        image = scene.image.copy()
        for box, points, sure in zip(scene.boxes, scene.landmarks, scene.sure, strict=True):
            corners = np.round(box).astype(int).tolist()
            cv2.rectangle(image, corners[:2], corners[2:], (0, 255, 0) if sure else (0, 0, 255), 1)
            for point in np.round(points).astype(int).tolist():
                cv2.circle(image, point, 1, (0, 255, 255), -1)
        tiles.append(image)
    return np.vstack([np.hstack(tiles[row : row + columns]) for row in range(0, count, columns)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--out", default="scenes.png")
    args = parser.parse_args()
    cv2.imwrite(args.out, contact_sheet(SceneMaker(), args.count))


if __name__ == "__main__":
    main()
