"""What Home Assistant needs to find the cameras: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery."""

from collections.abc import Iterator

import msgspec

from daemon.bridges.presence import CameraPresence

Message = tuple[str, bytes]
"""Topic and payload; to be retained."""


def availability_topic(prefix: str) -> str:
    return f"{prefix}/availability"


def discovery(camera: str, prefix: str, discovery_prefix: str) -> Iterator[Message]:
    """Yields what announces a camera's sensors. A camera's name is safe in a topic: a-z, 0-9, - and _."""
    device = {"identifiers": [f"deconvid_{camera}"], "name": f"DeconvID {camera}", "manufacturer": "DeconvID"}
    sensors: list[tuple[str, str, dict[str, str]]] = [
        ("sensor", "last_person", {"name": "Last person", "icon": "mdi:account"}),
        ("binary_sensor", "face_in_sight", {"name": "Face in sight", "device_class": "occupancy"}),
    ]
    for component, sensor, about in sensors:
        config = {
            **about,
            "unique_id": f"deconvid_{camera}_{sensor}",
            "state_topic": _state_topic(camera, sensor, prefix),
            "availability_topic": availability_topic(prefix),
            "device": device,
        }
        yield f"{discovery_prefix}/{component}/deconvid_{camera}/{sensor}/config", msgspec.json.encode(config)


def states(camera: str, presence: CameraPresence, prefix: str) -> Iterator[Message]:
    """Yields the states of a camera's sensors."""
    yield _state_topic(camera, "face_in_sight", prefix), b"ON" if presence.face_in_sight else b"OFF"
    if presence.last_person is not None:
        yield _state_topic(camera, "last_person", prefix), presence.last_person.encode()


def _state_topic(camera: str, sensor: str, prefix: str) -> str:
    return f"{prefix}/state/{camera}/{sensor}"
