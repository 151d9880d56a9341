"""Scenes to learn from: faces of all sizes on backgrounds without faces, as a camera delivers them.

python -m training.detection.scenes --out scenes.png        # look at some, labels drawn
"""

import argparse
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degrade import compress, relight
from training.detection.backgrounds import load_backgrounds
from training.detection.drawings import draw_nobody
from training.detection.patches import MASKS, NOBODY, Labels, Source, draw_place, make_masks, nobody, paste
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
DECOYS = 0.3
"""Share of what is pasted that is no face."""
DRAWN = 0.15
"""Share of decoys that are drawn."""
DECOY_PX = SIDE_PX / 2
"""A decoy is as large as if it held a face of this size."""
MOST_OF_A_FACE = 0.3
"""Of a face's area that a decoy may show."""
NOISE_SIGMA = 25.0
"""Largest standard deviation of the sensor's noise, in grey levels of 255."""


@dataclass(frozen=True, slots=True)
class Scene:
    image: Image
    """(S, S, 3) BGR."""
    faces: Labels


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
        usable = np.unique(self._pictures.picture[self._pictures.sure]).tolist()
        self._faces = [(picture, self._pictures.faces_of(picture)) for picture in usable]
        self._masks = make_masks()
        self._noise = _noise(2 * 3 * side * side)

    def make(self, rng: Generator) -> Scene:
        """Returns a scene; one generator state, one scene."""
        image = self._background(rng, self.side)
        pasted = [NOBODY]
        taken = np.zeros((self.side, self.side), bool)
        # Where no face is large, there is room for many.
        largest_px = log_uniform(rng, LEAST_LIMIT_PX, LARGEST_SHARE * self.side)
        smallest_px = log_uniform(rng, SMALLEST_FACE_PX, largest_px / 2)
        for _ in range(int(rng.integers(0, MOST_PATCHES + 1))):
            source = self._decoy(rng) if rng.random() < DECOYS else self._face(rng)
            boxes = source.labels.boxes
            of_px = float((boxes[:, 2:] - boxes[:, :2]).max(initial=0)) or DECOY_PX
            place = draw_place(rng, log_uniform(rng, smallest_px, largest_px) / of_px, self.side)
            if taken[place.where].any():
                continue
            taken[place.where] = True
            paste(image, source.read(), self._masks[int(rng.integers(MASKS))], place)
            pasted.append(place.moved(source.labels))
        faces = Labels.joined(pasted)
        _occlude(image, faces.boxes[faces.sure], rng)
        faces = replace(faces, sure=faces.sure & self._visible(faces.boxes))
        return Scene(self._as_a_camera_does(image, rng), faces)

    def _background(self, rng: Generator, side: int) -> Image:
        source = self._backgrounds[rng.integers(len(self._backgrounds))]
        height, width = source.shape[:2]
        cut = int(rng.uniform(0.3, 1.0) * min(height, width))
        y, x = rng.integers(0, height - cut + 1), rng.integers(0, width - cut + 1)
        part = source[y : y + cut, x : x + cut]
        # Averaging is worth its time only where much is thrown away.
        means = cv2.INTER_AREA if cut > 1.5 * side else cv2.INTER_LINEAR
        resized = cv2.resize(part, (side, side), interpolation=means)
        return np.asarray(cv2.flip(resized, 1) if rng.random() < 0.5 else resized, np.uint8)

    def _face(self, rng: Generator) -> Source:
        picture, faces = self._faces[int(rng.integers(len(self._faces)))]
        labels = self._pictures
        of_it = Labels(labels.boxes[faces], labels.landmarks[faces], labels.sure[faces])
        return Source(lambda: labels.images[picture], of_it)

    def _decoy(self, rng: Generator) -> Source:
        """Returns what is no face, cut out as faces are: else the network would learn to find the cuts.

        A piece of a background, something drawn, or what surrounds a face: hair, an ear, a shoulder, a corner of it.
        """
        kind = rng.random()
        if kind < DRAWN:
            return nobody(lambda: draw_nobody(rng, SIDE_PX))
        if kind < 0.5:
            return nobody(lambda: self._background(rng, SIDE_PX))
        picture, faces = self._faces[int(rng.integers(len(self._faces)))]
        side = int(rng.integers(48, 112))
        corners = rng.integers(0, SIDE_PX - side + 1, (8, 2))
        shares = _largest_shares(self._pictures.boxes[faces], corners, side)
        x, y = corners[int(shares.argmin())]
        if shares.min() > MOST_OF_A_FACE:
            return nobody(lambda: self._background(rng, SIDE_PX))
        return nobody(lambda: self._pictures.images[picture, y : y + side, x : x + side])

    def _visible(self, boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(F,) whether most of a face is in the picture, and large enough to be found."""
        inside = np.clip(boxes, 0, self.side)
        areas = [(b[:, 2:] - b[:, :2]).prod(1) for b in (inside, boxes)]
        sides = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0)
        return np.asarray((areas[0] > 0.6 * areas[1]) & (sides >= LEAST_SURE_PX))

    def _as_a_camera_does(self, image: Image, rng: Generator) -> Image:
        """Blur, light, noise and compression, in the order in which they happen."""
        if rng.random() < 0.15:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 2.0)), np.uint8)
        if rng.random() < 0.5:
            image = relight(image, rng)
        if rng.random() < 0.4:
            first = int(rng.integers(len(self._noise) - image.size))
            noise = self._noise[first : first + image.size].reshape(image.shape)
            share = (NOISE_SIGMA * rng.random() ** 2 + 1) / BANK_SIGMA
            image = np.asarray(cv2.addWeighted(image, 1, noise, share, -128 * share), np.uint8)
        if rng.random() < 0.5:
            image = compress(image, rng, (25, 90))
        return image


BANK_SIGMA = 32.0


def _noise(size: int) -> Image:
    """Returns grey levels around 128: scenes take parts of them, for drawing anew costs as much as all the rest."""
    levels = np.random.default_rng(0).normal(128, BANK_SIGMA, size)
    return np.asarray(levels.round().clip(0, 255), np.uint8)


def _largest_shares(boxes: NDArray[np.float32], corners: NDArray[np.int64], side: int) -> NDArray[np.float32]:
    """Returns of each square, (N, 2) its upper left corner, how much of the face that it shows most of lies in it."""
    common = np.minimum(boxes[:, 2:], corners[:, None] + side) - np.maximum(boxes[:, :2], corners[:, None])
    return np.asarray((np.maximum(common, 0).prod(-1) / (boxes[:, 2:] - boxes[:, :2]).prod(-1)).max(1))


def _occlude(image: Image, boxes: NDArray[np.float32], rng: Generator) -> None:
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


def contact_sheet(maker: SceneMaker, count: int, seed: int = 1, columns: int = 6) -> Image:
    tiles = []
    for number in range(count):
        scene = maker.make(np.random.default_rng((seed, number)))
        image = scene.image.copy()
        for box, points, sure in zip(scene.faces.boxes, scene.faces.landmarks, scene.faces.sure, strict=True):
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
