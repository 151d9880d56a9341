"""What became of every frame: `captured = analysed + sum(dropped) + in_flight`, for any observer at any time.

The counters lie in the ring's file and only grow. Each has one writer, and each frame is booked by one 8-byte store on
the camera's side (published, or dropped there) and by one on the vision's side (analysed, or dropped there). `captured`
and `consumed_through` are sums of them and stored nowhere, so a process that is killed between two stores leaves
nothing inconsistent behind.

That sum holds whatever is booked. So the camera worker also counts what arrives, before it knows what will become of
it, in a counter that is compared with the books and enters none of them.
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
    """Damaged on its way from the camera, or of a kind that cannot be converted."""
    UNDECODED = "undecoded"
    """The decoder made no picture of it, and told no error."""
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
    unbooked: int
    """Frames that arrived and are in no book, beyond the one that the camera worker has in its hands; less than 0:
    booked and never arrived. Anything but 0 is a fault of ours."""

    @property
    def add_up(self) -> bool:
        """Whether every frame that arrived is booked once, and none was looked at that was never published."""
        return not self.unbooked and self.in_flight >= 0


PUBLISHED, RATE, CORRUPT, RING_FULL, CAMERA_RESTART, STILL, UNDECODED, ARRIVED = range(8)
ANALYSED, SUPERSEDED, STALE, VISION_RESTART = range(4)

CAMERA_COUNTERS = {
    DropReason.RATE: RATE,
    DropReason.STILL: STILL,
    DropReason.CORRUPT: CORRUPT,
    DropReason.UNDECODED: UNDECODED,
    DropReason.RING_FULL: RING_FULL,
    DropReason.RESTART: CAMERA_RESTART,
}


class CameraAccount:
    """The counters that the camera worker writes."""

    words = 8

    def __init__(self, counters: memoryview) -> None:
        self._counters = counters

    @property
    def published(self) -> int:
        """Sequence of the newest published frame."""
        return int(self._counters[PUBLISHED])

    @property
    def arrived(self) -> int:
        return int(self._counters[ARRIVED])

    @property
    def unbooked(self) -> int:
        """Frames that arrived and are in no book; for the camera worker."""
        return self.arrived - sum(self._counters[:ARRIVED])

    def arrive(self) -> None:
        self._counters[ARRIVED] += 1

    def publish(self) -> None:
        self._counters[PUBLISHED] += 1

    def drop(self, reason: DropReason) -> None:
        self._counters[CAMERA_COUNTERS[reason]] += 1

    def read(self) -> tuple[int, ...]:
        return tuple(self._counters)


class VisionAccount:
    """The counters that the vision worker writes.

    Args:
        counters: its own.
        inherited: sequence of the newest frame that was published before this worker came.
    """

    words = 4

    def __init__(self, counters: memoryview, inherited: int) -> None:
        self._counters = counters
        self._inherited = inherited

    @property
    def consumed_through(self) -> int:
        """Sequence of the newest frame that was analysed or dropped; so were all before it."""
        return sum(self._counters)

    def consume(self, sequence: int, outcome: Outcome) -> None:
        """Books the frame, and as dropped those before it that were never asked for.

        A sequence that was booked before is ignored: a restarted worker may find an old token in its socket.
        """
        through = self.consumed_through
        skipped = sequence - 1 - through
        if skipped < 0:
            return
        of_predecessor = min(skipped, max(0, self._inherited - through))
        self._counters[VISION_RESTART] += of_predecessor
        self._counters[SUPERSEDED] += skipped - of_predecessor
        self._counters[ANALYSED if outcome is Outcome.ANALYSED else STALE] += 1

    def read(self) -> tuple[int, ...]:
        return tuple(self._counters)


def count(camera: CameraAccount, vision: VisionAccount) -> FrameCounts:
    """Reads the vision's side first: what it has consumed was published by the time the camera's side is read.

    Frames may arrive meanwhile, so that counter is read before the books and after them.
    """
    analysed, superseded, stale, vision_restart = vision.read()
    arrived_before = camera.arrived
    *booked, arrived_after = camera.read()
    published, rate, corrupt, ring_full, camera_restart, still, undecoded = booked
    captured = sum(booked)
    return FrameCounts(
        captured=captured,
        analysed=analysed,
        in_flight=published - analysed - superseded - stale - vision_restart,
        dropped={
            DropReason.RATE: rate,
            DropReason.STILL: still,
            DropReason.CORRUPT: corrupt,
            DropReason.UNDECODED: undecoded,
            DropReason.RING_FULL: ring_full,
            DropReason.SUPERSEDED: superseded,
            DropReason.STALE: stale,
            DropReason.RESTART: camera_restart + vision_restart,
        },
        unbooked=max(0, arrived_before - 1 - captured) + min(0, arrived_after - captured),
    )
