"""Where in a camera's picture a face is."""

from config.rules import ZoneSettings
from daemon.polygons import contains
from daemon.rules.sighting import Sighting


def is_in_zone(zone: ZoneSettings, sighting: Sighting) -> bool:
    """Whether the anchor of the face lies in the zone; False before another camera and where no face is."""
    if sighting.camera != zone.camera or sighting.box is None:
        return False
    x1, y1, x2, y2 = sighting.box
    anchor = ((x1 + x2) / 2, y2 if zone.anchor == "foot" else (y1 + y2) / 2)
    return contains(zone.polygon, anchor)
