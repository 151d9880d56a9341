"""What a camera does to a face: misalignment, occlusion, blur, distance, darkness, noise, compression.

The steps follow the light: scene, lens, sensor, encoder. Blur, noise and compression act at the
resolution at which the camera saw the face, not at the crop's, so that noise of a distant face is
as coarse as its pixels. Every step draws from the generator it is given: one seed, one picture.

    python -m training.degrade FACE.png ... --out sheet.png      # look at what it does to aligned crops
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

SMALLEST_FACE_PX = 12
"""Below it there is nobody to tell from anybody."""
SMALL_FACE_PX = 28
"""Below it distance is what hides who it is."""


@dataclass(frozen=True, slots=True)
class DegradationRanges:
    """How bad it may get. Probabilities are per crop; every magnitude is drawn anew for each crop."""

    smallest_face_px: int = SMALLEST_FACE_PX
    """Smallest side, in pixels, to which a 112 px crop is reduced."""
    distance: float = 0.6
    misalignment: float = 0.5
    misalignment_shift: float = 0.03
    """Standard deviation of the shift, as a share of the crop's side."""
    misalignment_rotation_deg: float = 4.0
    misalignment_scale: float = 0.05
    occlusion: float = 0.15
    defocus: float = 0.25
    motion: float = 0.2
    light: float = 0.5
    noise: float = 0.5
    noise_sigma: float = 35.0
    """Largest standard deviation of the sensor's noise, in grey levels of 255."""
    compression: float = 0.6
    jpeg_quality: tuple[int, int] = (8, 90)


def degrade(image: Image, rng: np.random.Generator, ranges: DegradationRanges = DegradationRanges()) -> Image:
    """Returns the crop as a camera might have delivered it, (H, W, 3) uint8 in the colour order given.

    Args:
        image: (H, W, 3) uint8, an aligned face crop.
        rng: the only source of chance.
        ranges: how likely and how strong each fault is.
    """
    size = image.shape[0]
    if rng.random() < ranges.misalignment:
        image = misalign(image, rng, ranges)
    if rng.random() < ranges.occlusion:
        image = occlude(image, rng)
    if rng.random() < ranges.distance:
        image = shrink(image, rng, ranges.smallest_face_px, size)
    if rng.random() < ranges.defocus:
        image = defocus(image, rng)
    elif rng.random() < ranges.motion:
        image = motion_blur(image, rng)
    if rng.random() < ranges.light:
        image = relight(image, rng)
    if rng.random() < ranges.noise:
        image = add_noise(image, rng, ranges.noise_sigma)
    if rng.random() < ranges.compression:
        image = compress(image, rng, ranges.jpeg_quality)
    return enlarge(image, rng, size)


def see_from_afar(image: Image, rng: np.random.Generator) -> Image:
    """Returns the crop as of a face that is small, and has nothing else wrong with it."""
    return enlarge(shrink(image, rng, SMALLEST_FACE_PX, SMALL_FACE_PX), rng, image.shape[0])


def shrink(image: Image, rng: np.random.Generator, smallest_px: int, largest_px: int) -> Image:
    """Uniform in the logarithm: as many faces between 12 and 24 px as between 48 and 96."""
    side = round(float(np.exp(rng.uniform(np.log(smallest_px), np.log(largest_px)))))
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def enlarge(image: Image, rng: np.random.Generator, size: int) -> Image:
    """As some alignment would, smoothly or sharply."""
    if image.shape[0] == size:
        return image
    interpolation = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (size, size), interpolation=interpolation), np.uint8)


def misalign(image: Image, rng: np.random.Generator, ranges: DegradationRanges) -> Image:
    """Shifts, turns and scales the crop as a detector's imprecise landmarks do."""
    size = image.shape[0]
    turn = cv2.getRotationMatrix2D(
        (size / 2, size / 2),
        rng.normal(0, ranges.misalignment_rotation_deg),
        float(np.exp(rng.normal(0, ranges.misalignment_scale))),
    )
    turn[:, 2] += rng.normal(0, ranges.misalignment_shift * size, 2)
    return cv2.warpAffine(image, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def occlude(image: Image, rng: np.random.Generator) -> Image:
    """Covers a rectangle (a hand, a mask, another head) with one colour drawn from the picture or at random."""
    size = image.shape[0]
    width, height = (rng.uniform(0.15, 0.5, 2) * size).astype(int)
    x, y = rng.integers(0, size - width), rng.integers(0, size - height)
    colour = image[rng.integers(size), rng.integers(size)] if rng.random() < 0.5 else rng.integers(0, 256, 3)
    covered = image.copy()
    covered[y : y + height, x : x + width] = colour
    return covered


def defocus(image: Image, rng: np.random.Generator) -> Image:
    """Blurs with a Gaussian of up to 2.5 % of the crop's side."""
    return cv2.GaussianBlur(image, (0, 0), max(0.3, rng.uniform(0.003, 0.025) * image.shape[0]))


def motion_blur(image: Image, rng: np.random.Generator) -> Image:
    """Blurs along a straight path of up to 14 % of the crop's side."""
    length = max(2, round(rng.uniform(0.03, 0.14) * image.shape[0]))
    angle = rng.uniform(0, np.pi)
    middle, kernel = length // 2, np.zeros((length, length), np.float32)
    for step in np.linspace(-middle, length - 1 - middle, 3 * length):
        column, row = round(middle + step * np.cos(angle)), round(middle + step * np.sin(angle))
        if 0 <= row < length and 0 <= column < length:
            kernel[row, column] = 1
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def relight(image: Image, rng: np.random.Generator) -> Image:
    """Changes gain, offset, gamma and saturation; one crop in four becomes grey, as at night under infrared."""
    levels = np.arange(256, dtype=np.float32) / 255
    curve = np.clip(rng.uniform(0.35, 1.3) * levels ** rng.uniform(0.6, 1.7) + rng.normal(0, 0.05), 0, 1)
    image = cv2.LUT(image, (curve * 255).astype(np.uint8))
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    keep = 0.0 if rng.random() < 0.25 else rng.uniform(0.3, 1.0)
    return cv2.addWeighted(image, keep, grey, 1 - keep, 0)


def add_noise(image: Image, rng: np.random.Generator, largest_sigma: float) -> Image:
    """Adds Gaussian noise whose strength has its most weight near zero."""
    sigma = largest_sigma * rng.random() ** 2 + 1
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(sigma)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def compress(image: Image, rng: np.random.Generator, quality: tuple[int, int]) -> Image:
    """Encodes to JPEG and back at a quality drawn from the range."""
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*quality))])[1]
    decoded: Image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return decoded


def contact_sheet(images: Sequence[Image], seed: int, columns: int = 8) -> Image:
    """Returns one picture with a row per crop: the crop itself, then `columns - 1` degradations of it."""
    rng = np.random.default_rng(seed)
    rows = [np.hstack([image, *(degrade(image, rng) for _ in range(columns - 1))]) for image in images]
    return np.vstack(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", nargs="+", help="aligned crops of 112x112 pixels")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default="sheet.png")
    args = parser.parse_args()
    crops = [np.asarray(cv2.imread(face), np.uint8) for face in args.faces]
    cv2.imwrite(args.out, contact_sheet(crops, args.seed))


if __name__ == "__main__":
    main()
