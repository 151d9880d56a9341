"""Whose frame is looked at next: the newest of each camera, in turn, and some cameras' more often than others'.

Stride scheduling (Waldspurger and Weihl, 1995): each look moves a camera's mark on by one over its weight, and the
camera with the lowest mark is next. While every camera always waits, looks are shared in proportion to the weights.
"""

from daemon.messages import FrameToken


class Turns:
    """Frames that wait; at most one of each camera."""

    def __init__(self) -> None:
        self._waiting: dict[str, FrameToken] = {}
        self._marks: dict[str, float] = {}
        self._now = 0.0
        """Mark of the camera that was looked at last."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, token: FrameToken) -> None:
        """Takes the place of an older frame of the same camera, which is accounted for by the gap in the sequence."""
        if token.camera not in self._waiting:
            # Who had nothing to show for a while has saved up no looks: all others would wait for them.
            self._marks[token.camera] = max(self._marks.get(token.camera, 0.0), self._now)
        self._waiting[token.camera] = token

    def forget(self, camera: str) -> None:
        self._waiting.pop(camera, None)
        self._marks.pop(camera, None)

    def take(self) -> FrameToken:
        """Returns the frame to look at now: of equals, that of the camera that has waited longest.

        Raises:
            ValueError: none waits.
        """
        camera = min(self._waiting, key=self._marks.__getitem__)
        token = self._waiting.pop(camera)
        self._now = self._marks[camera]
        self._marks[camera] += 1 / token.weight
        return token
