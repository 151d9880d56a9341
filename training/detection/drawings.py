"""Drawn pictures of nobody: text, stripes, chequers and circles, of which photographs without people show too few."""

import string

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Generator = np.random.Generator

CHARACTERS = string.ascii_letters + string.digits + ".,:;!?&%()+-=/"
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)


def draw_nobody(rng: Generator, side: int) -> Image:
    """Returns (side, side, 3)."""
    draw = (_text, _stripes, _chequers, _circles)[int(rng.integers(4))]
    return draw(rng, np.full((side, side, 3), rng.integers(0, 256, 3), np.uint8))


def _colour(rng: Generator) -> list[int]:
    return [int(level) for level in rng.integers(0, 256, 3)]


def _text(rng: Generator, image: Image) -> Image:
    size, font, colour = rng.uniform(0.3, 2.5), FONTS[int(rng.integers(len(FONTS)))], _colour(rng)
    for y in range(0, len(image) + 40, int(14 + 26 * size)):
        line = "".join(rng.choice(list(CHARACTERS), 24))
        cv2.putText(
            image, line, (int(rng.integers(-40, 20)), y), font, size, colour, int(rng.integers(1, 4)), cv2.LINE_AA
        )
    return image


def _stripes(rng: Generator, image: Image) -> Image:
    step, slope, colour = int(rng.integers(4, 48)), rng.normal(0, 1), _colour(rng)
    side, width = len(image), int(rng.integers(1, max(2, step // 2) + 1))
    for x in range(-3 * side, 4 * side, step):
        cv2.line(image, (x, 0), (int(x + slope * side), side), colour, width, cv2.LINE_AA)
    return image


def _chequers(rng: Generator, image: Image) -> Image:
    cell, colour = int(rng.integers(4, 40)), _colour(rng)
    rows, columns = np.indices(image.shape[:2]) // cell
    image[(rows + columns) % 2 == 1] = colour
    return image


def _circles(rng: Generator, image: Image) -> Image:
    side = len(image)
    for _ in range(int(rng.integers(1, 12))):
        (x, y), (a, b) = rng.integers(0, side, 2).tolist(), rng.integers(3, side // 3, 2).tolist()
        thickness = -1 if rng.random() < 0.5 else int(rng.integers(1, 8))
        cv2.ellipse(image, (x, y), (a, b), rng.uniform(0, 180), 0, 360, _colour(rng), thickness, cv2.LINE_AA)
    return image
