"""Regions of interest: the parts of a camera's picture in which faces count."""

from collections.abc import Sequence

import numpy as np

from daemon.polygons import Polygon, contains
from engine import Detections


def faces_in_regions(regions: Sequence[Polygon], faces: Detections, width: int, height: int) -> Detections:
    """Returns the faces whose centre lies in one of the regions; all of them if there are no regions.

    Args:
        regions: corners as x, y, each 0 (left, top) to 1 (right, bottom).
        faces: in pixels of the picture.
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    if not regions:
        return faces
    centres = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2 / (width, height)
    inside = [any(contains(region, (x, y)) for region in regions) for x, y in centres.tolist()]
    return faces[np.array(inside, np.bool_)]
