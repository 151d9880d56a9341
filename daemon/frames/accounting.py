"""What became of every frame: `captured = analysed + sum(dropped) + in_flight`, for any observer at any time.

The counters lie in the ring's file and only grow. Each has one writer, and each frame is booked by one 8-byte store on
the camera's side (published, or dropped there) and by one on the vision's side (analysed, or dropped there). `captured`
and `consumed_through` are sums of them and stored nowhere, so a process that is killed between two stores leaves
nothing inconsistent behind.
"""

from dataclasses import dataclass
from enum import StrEnum


class DropReason(StrEnum):
    """Why a captured frame was not analysed."""

    RATE = "rate"
    """Above the detection rate."""
    STILL = "still"
    """Held back by the motion gate: nothing had changed since the last look."""
    CORRUPT = "corrupt"
    """Damaged on its way from the camera."""
    RING_FULL = "ring_full"
    """The vision worker held every slot, or there was no memory for it."""
    SUPERSEDED = "superseded"
    """The vision worker took a newer one."""
    STALE = "stale"
    """Overwritten before the vision worker came to it."""
    RESTART = "restart"
    """In the hands of a worker that died."""


class Outcome(StrEnum):
    """What the vision worker did with a frame it was told of."""

    ANALYSED = "analysed"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Frames of one camera since its ring was made."""

    captured: int
    analysed: int
    in_flight: int
    """Published and not yet analysed or dropped."""
    dropped: dict[DropReason, int]
    """Every reason, also those with none."""


PUBLISHED, RATE, CORRUPT, RING_FULL, CAMERA_RESTART, STILL = range(6)
ANALYSED, SUPERSEDED, STALE, VISION_RESTART = range(4)

CAMERA_COUNTERS = {
    DropReason.RATE: RATE,
    DropReason.STILL: STILL,
    DropReason.CORRUPT: CORRUPT,
    DropReason.RING_FULL: RING_FULL,
    DropReason.RESTART: CAMERA_RESTART,
}


class CameraAccount:
    """The counters that the camera worker writes."""

    words = 6

    def __init__(self, counters: memoryview) -> None:
        self._counters = counters

    @property
    def published(self) -> int:
        """Sequence of the newest published frame."""
        return int(self._counters[PUBLISHED])

    def publish(self) -> None:
        self._counters[PUBLISHED] += 1

    def drop(self, reason: DropReason) -> None:
        self._counters[CAMERA_COUNTERS[reason]] += 1

    def read(self) -> tuple[int, ...]:
        return tuple(self._counters)


class VisionAccount:
    """The counters that the vision worker writes."""

    words = 4

    def __init__(self, counters: memoryview) -> None:
        self._counters = counters
        self._is_new = True

    @property
    def consumed_through(self) -> int:
        """Sequence of the newest frame that was analysed or dropped; so were all before it."""
        return sum(self._counters)

    def consume(self, sequence: int, outcome: Outcome) -> None:
        """Books the frame, and as dropped those before it that were never asked for.

        A sequence that was booked before is ignored: a restarted worker may find an old token in its socket.
        """
        skipped = sequence - 1 - self.consumed_through
        if skipped < 0:
            return
        self._counters[VISION_RESTART if self._is_new else SUPERSEDED] += skipped
        self._counters[ANALYSED if outcome is Outcome.ANALYSED else STALE] += 1
        self._is_new = False

    def read(self) -> tuple[int, ...]:
        return tuple(self._counters)


def count(camera: CameraAccount, vision: VisionAccount) -> FrameCounts:
    """Reads the vision's side first: what it has consumed was published by the time the camera's side is read."""
    analysed, superseded, stale, vision_restart = vision.read()
    published, rate, corrupt, ring_full, camera_restart, still = camera.read()
    return FrameCounts(
        captured=published + rate + corrupt + ring_full + camera_restart + still,
        analysed=analysed,
        in_flight=published - analysed - superseded - stale - vision_restart,
        dropped={
            DropReason.RATE: rate,
            DropReason.STILL: still,
            DropReason.CORRUPT: corrupt,
            DropReason.RING_FULL: ring_full,
            DropReason.SUPERSEDED: superseded,
            DropReason.STALE: stale,
            DropReason.RESTART: camera_restart + vision_restart,
        },
    )
