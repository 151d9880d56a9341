"""What Home Assistant needs to find the cameras: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from daemon.bridges.presence import CameraPresence

Message = tuple[str, bytes]
"""Topic and payload; to be retained."""


@dataclass(frozen=True, slots=True)
class Home:
    """The topics of one installation, of which a broker may have several."""

    prefix: str
    """Of every topic but discovery's."""
    discovery_prefix: str
    installation: str
    """What no other one has."""

    @property
    def id(self) -> str:
        """The prefix is in it too: installations that were copied with their database differ by that."""
        return f"{self.prefix.replace('/', '_')}_{self.installation}"

    @property
    def availability_topic(self) -> str:
        return f"{self.prefix}/availability/{self.installation}"

    def discovery(self, camera: str) -> Iterator[Message]:
        """Yields what announces a camera's sensors. A camera's name is safe in a topic: a-z, 0-9, - and _."""
        node = f"{self.id}_{camera}"
        device = {"identifiers": [node], "name": f"DeconvID {camera}", "manufacturer": "DeconvID"}
        sensors: list[tuple[str, str, dict[str, str]]] = [
            ("sensor", "last_person", {"name": "Last person", "icon": "mdi:account"}),
            ("binary_sensor", "face_in_sight", {"name": "Face in sight", "device_class": "occupancy"}),
        ]
        for component, sensor, about in sensors:
            config = {
                **about,
                "unique_id": f"{node}_{sensor}",
                "state_topic": self._state_topic(camera, sensor),
                "availability_topic": self.availability_topic,
                "device": device,
            }
            yield f"{self.discovery_prefix}/{component}/{node}/{sensor}/config", msgspec.json.encode(config)

    def states(self, camera: str, presence: CameraPresence) -> Iterator[Message]:
        """Yields the states of a camera's sensors."""
        yield self._state_topic(camera, "face_in_sight"), b"ON" if presence.face_in_sight else b"OFF"
        if presence.last_person is not None:
            yield self._state_topic(camera, "last_person"), presence.last_person.encode()

    def _state_topic(self, camera: str, sensor: str) -> str:
        return f"{self.prefix}/state/{self.installation}/{camera}/{sensor}"
