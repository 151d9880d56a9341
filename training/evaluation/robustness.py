"""One side of each pair degraded, by fixed amounts: what distance, noise, motion, compression and darkness cost."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Degradation = Callable[[Image], Image]


def degradations(rng: np.random.Generator) -> Mapping[str, Degradation]:
    """Returns the probes by name; those with chance in them draw from the generator."""
    return {
        "clean": lambda image: image,
        "24 px": lambda image: at_distance(image, 24),
        "16 px": lambda image: at_distance(image, 16),
        "12 px": lambda image: at_distance(image, 12),
        "noise, sigma 40": lambda image: np.clip(image + rng.normal(0, 40, image.shape), 0, 255).astype(np.uint8),
        "motion, 15 px": lambda image: moved(image, rng.uniform(0, np.pi)),
        "JPEG 10": jpeg,
        "darkness": lambda image: dark(image, rng),
    }


def at_distance(image: Image, side_px: int) -> Image:
    """Reduces to a face of so many pixels, and enlarges again."""
    small = cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, image.shape[:2], interpolation=cv2.INTER_CUBIC), np.uint8)


def moved(image: Image, angle: float, length: int = 15) -> Image:
    """Blurs along a straight line of so many pixels."""
    kernel, middle = np.zeros((length, length), np.float32), length // 2
    for step in np.linspace(-middle, middle, 4 * length):
        kernel[round(middle + step * np.sin(angle)), round(middle + step * np.cos(angle))] = 1
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


def jpeg(image: Image, quality: int = 10) -> Image:
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def dark(image: Image, rng: np.random.Generator, photons: float = 12, gain: float = 60) -> Image:
    """At most so many photons a pixel (Poisson), amplified to a quarter of the range."""
    return np.clip(rng.poisson(image.astype(np.float32) / 255 * photons) / photons * gain, 0, 255).astype(np.uint8)
