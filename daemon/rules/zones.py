"""Where in a camera's picture a face is."""

from collections.abc import Sequence

from config.rules import ZoneSettings
from daemon.rules.sighting import Sighting

Point = tuple[float, float]


def is_in_zone(zone: ZoneSettings, sighting: Sighting) -> bool:
    """Whether the anchor of the face lies in the zone; False before another camera and where no face is."""
    if sighting.camera != zone.camera or sighting.box is None:
        return False
    x1, y1, x2, y2 = sighting.box
    anchor = ((x1 + x2) / 2, y2 if zone.anchor == "foot" else (y1 + y2) / 2)
    return contains(zone.polygon, anchor)


def contains(polygon: Sequence[Point], point: Point) -> bool:
    """Whether a point lies in a polygon: a ray from it to the right crosses the edges an odd number of times.

    >>> contains([(0, 0), (1, 0), (0, 1)], (0.2, 0.2)), contains([(0, 0), (1, 0), (0, 1)], (0.8, 0.8))
    (True, False)
    """
    x, y = point
    inside = False
    for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            inside = not inside
    return inside
