"""How far into a recording a frame is. Timestamps of recorders jump, go back and are missing; media time does not."""

from fractions import Fraction

USUAL_FPS = 25
LONGEST_STEP_NS = 10 * 10**9
"""A longer step is taken for a jump, as where a recorder was switched off or two recordings were joined."""


class MediaTime:
    """Positions of the frames of one recording, in nanoseconds from the first one; they never go back."""

    def __init__(self, fps: Fraction | None) -> None:
        """Takes the frame rate that the file claims, for the frames before the first two good timestamps."""
        # A jump inside the file makes the claimed rate absurdly small.
        self._interval_ns = min(int(10**9 / (fps or USUAL_FPS)), LONGEST_STEP_NS)
        self._pts_ns: int | None = None
        self._position_ns = -self._interval_ns  # the first frame is at 0

    def advance(self, pts_ns: int | None) -> int:
        """Returns the next frame's position; pts_ns is its own timestamp, None if it has none.

        Time advances as the timestamps do, and by one frame interval where they make no sense.
        """
        step_ns = self._interval_ns
        if pts_ns is not None and self._pts_ns is not None and 0 <= pts_ns - self._pts_ns <= LONGEST_STEP_NS:
            step_ns = pts_ns - self._pts_ns
            self._interval_ns = step_ns or self._interval_ns
        self._position_ns += step_ns
        if pts_ns is not None:
            self._pts_ns = pts_ns
        elif self._pts_ns is not None:
            self._pts_ns += step_ns
        return self._position_ns
