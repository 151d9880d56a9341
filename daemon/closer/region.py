"""From a face in the small stream to the same face in the main one: where to cut, and which face it is there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.closer.messages import Region
from daemon.tracking import pairing_cost
from engine.alignment import align_yuv
from engine.detectors import Detector
from engine.images import YuvImage
from engine.quality import Fault, measure_quality

Box = tuple[float, float, float, float]

MARGIN = 0.75
"""Room on each side of a face, as a share of its box: the crop needs some, and it may have moved by a frame."""
FARTHEST = 0.5
"""Of what the tracker allows from frame to frame: a face moves that little between two frames, and its neighbour, who
may be outside of the camera's regions, is further off."""


@dataclass(frozen=True, slots=True, eq=False)
class CloserLook:
    """A face as the main stream shows it."""

    pixels: NDArray[np.uint8]
    """(112, 112, 3) BGR, aligned."""
    quality: float
    fault: Fault


def area_around(box: Box, frame_size: tuple[int, int]) -> Box:
    """Returns the part of the frame to ask for: x1 y1 x2 y2, shares of its width and height.

    Shares hold for both streams, also where one is squeezed to another aspect ratio; not where it shows less.

    Args:
        box: x1 y1 x2 y2 of the face, pixels of the small frame.
        frame_size: width and height of the small frame.
    """
    x1, y1, x2, y2 = box
    dx, dy = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    width, height = frame_size
    return (x1 - dx) / width, (y1 - dy) / height, (x2 + dx) / width, (y2 + dy) / height


def image_of(region: Region) -> YuvImage:
    """Raises ValueError: the planes are not of the size that the region says."""
    width, height = region.size
    chroma = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = (np.frombuffer(plane, np.uint8) for plane in (region.y, region.u, region.v))
    return YuvImage(y.reshape(height, width), u.reshape(chroma), v.reshape(chroma), region.bt709, region.full_range)


def look_closer(region: Region, box: Box, frame_size: tuple[int, int], detector: Detector) -> CloserLook | None:
    """Returns the face in the region that lies where the small frame's face does; None if there is none.

    Its landmarks are found anew: those of a small face are too coarse to be enlarged, and it may have moved on.

    Args:
        region: around the face, from the main stream.
        box: x1 y1 x2 y2 of the face, pixels of the small frame.
        frame_size: width and height of the small frame.
        detector: looks for faces in the whole region.
    """
    image = image_of(region)
    [found] = detector.detect([image])
    expected = _in_region(region, box, frame_size)
    cost = pairing_cost(expected[None], found.boxes)[0] if len(found) else np.ones(0)
    if not (cost < FARTHEST).any():
        return None
    face = found[np.argsort(cost)[:1]]
    pixels = align_yuv(image, face.landmarks)
    quality = measure_quality(pixels, face)
    return CloserLook(pixels[0], float(quality.values[0]), quality.faults[0])


def _in_region(region: Region, box: Box, frame_size: tuple[int, int]) -> NDArray[np.float32]:
    """Returns the small frame's box in pixels of the region, (4,)."""
    scale = np.array(region.frame_size, np.float32) / np.array(frame_size, np.float32)
    return np.array(box, np.float32) * np.tile(scale, 2) - np.tile(np.array(region.origin, np.float32), 2)
