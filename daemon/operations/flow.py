"""Whether frames really go all the way, from the cameras through the analysis."""

import time
from collections.abc import Callable, Iterable

from daemon.operations.status import CameraStatus

STARVED_S = 30.0
"""Silence of every streaming camera after which the daemon counts as stuck."""


class FlowWatch:
    """Looks at the accounts. A camera that does not stream is silent through no fault of ours."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}
        """Analysed frames of each camera, and when they last grew or the camera did not stream."""
        self._streaming: set[str] = set()

    def look(self, cameras: Iterable[CameraStatus]) -> None:
        now_s, seen = self._clock(), self._seen
        self._seen, self._streaming = {}, set()
        for camera in cameras:
            analysed, moved_s = seen.get(camera.name, (-1, now_s))
            streams = camera.state == "streaming"
            moved = camera.analysed != analysed or not streams
            self._seen[camera.name] = (camera.analysed, now_s if moved else moved_s)
            if streams:
                self._streaming.add(camera.name)

    def silent_s(self, camera: str) -> float:
        """Returns for how long a camera has streamed and no frame of it was analysed."""
        return self._clock() - self._seen[camera][1] if camera in self._streaming else 0.0

    @property
    def flows(self) -> bool:
        """Whether a frame of some streaming camera was analysed lately, or none streams."""
        return not self._streaming or min(map(self.silent_s, self._streaming)) < STARVED_S
