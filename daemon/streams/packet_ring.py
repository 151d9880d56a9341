"""The newest packets of a stream that is not decoded, each from the keyframe on that a decoder needs to reach it."""

import threading
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from daemon.errors import StreamError

REACH_NS = 2 * 10**9
"""How far back a frame may be wanted: groups of pictures that ended before are let go."""
LONGEST_NS = 20 * 10**9
"""A camera that sends no keyframe for longer is not held: to decode so much for one frame would be of no use."""
MOST_BYTES = 32 << 20
TOLERANCE_NS = 100_000_000
"""The nearest packet may be an interval of the stream's frames from the wanted moment, and never more than this."""

Miss = Literal["not_yet", "too_late", "no_frame", "undated"]


class NotInRing(StreamError):  # noqa: N818 - an everyday outcome rather than a fault
    """The ring holds no frame of that moment."""

    def __init__(self, reason: Miss) -> None:
        super().__init__(f"the frame is not in the packet ring ({reason})")
        self.reason: Miss = reason


@dataclass(frozen=True, slots=True, eq=False)
class HeldPacket:
    number: int
    """Counts the packets of a ring, in the order in which they came."""
    data: bytes
    captured_ns: int | None
    """CLOCK_MONOTONIC; None while it cannot be said, the packet is still needed for those after it."""
    arrived_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """What has to be decoded, in order, for one frame."""

    packets: tuple[HeldPacket, ...]
    """From a keyframe to the newest one: with B frames, a picture comes out only after packets behind its own."""
    wanted: HeldPacket

    @property
    def steps(self) -> int:
        """Packets up to the wanted one."""
        return self.wanted.number - self.packets[0].number + 1


class PacketRing:
    """Groups of pictures, the oldest first; each begins with a keyframe. One thread adds, any may ask.

    Args:
        reach_ns: how far back frames may be wanted.
        longest_ns: of one group of pictures; a longer one is let go, up to the next keyframe.
        most_bytes: of all packets.
    """

    def __init__(self, reach_ns: int = REACH_NS, longest_ns: int = LONGEST_NS, most_bytes: int = MOST_BYTES) -> None:
        self._reach_ns, self._longest_ns, self._most_bytes = reach_ns, longest_ns, most_bytes
        self._groups: deque[list[HeldPacket]] = deque()
        self._bytes = self._added = 0
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        return self._bytes

    def add(self, data: bytes, captured_ns: int | None, arrived_ns: int, *, is_keyframe: bool) -> None:
        """Takes the next packet of the stream. One that no keyframe precedes is passed over: it cannot be decoded."""
        with self._lock:
            self._added += 1
            if is_keyframe:
                self._groups.append([])
            if self._groups:
                self._groups[-1].append(HeldPacket(self._added, data, captured_ns, arrived_ns))
                self._bytes += len(data)
                self._let_go(arrived_ns)

    def clear(self) -> None:
        """Forgets everything: what comes next is another stream."""
        with self._lock:
            self._groups.clear()
            self._bytes = 0

    def way_to(self, wanted_ns: int) -> Way:
        """Returns how to decode the frame that was captured nearest to a moment.

        Raises:
            NotInRing: `not_yet`, it may still come; `too_late`, it was let go; `no_frame`, none is near enough;
                `undated`, it cannot be said which one it is.
        """
        with self._lock:
            groups = [tuple(group) for group in self._groups]
        wanted = _nearest(groups, wanted_ns)
        index = max(i for i, group in enumerate(groups) if group[0].number <= wanted.number)
        # A picture that is shown before the keyframe that it follows refers to the group before that one (open GOP).
        if index and _captured(wanted) < _captured(groups[index][0]):
            index -= 1
        return Way(tuple(packet for group in groups[index:] for packet in group), wanted)

    def _let_go(self, now_ns: int) -> None:
        groups = self._groups
        while len(groups) > 1 and (
            self._bytes > self._most_bytes
            or now_ns - groups[1][0].arrived_ns > self._reach_ns
            or now_ns - groups[0][0].arrived_ns > self._longest_ns
        ):
            self._bytes -= sum(len(packet.data) for packet in groups.popleft())
        if self._bytes > self._most_bytes or now_ns - groups[0][0].arrived_ns > self._longest_ns:
            groups.clear()
            self._bytes = 0


def _nearest(groups: list[tuple[HeldPacket, ...]], wanted_ns: int) -> HeldPacket:
    """A frame beside the wanted moment counts only if it is known what is on the moment's other side."""
    dated = sorted((p for group in groups for p in group if p.captured_ns is not None), key=_captured)
    # Dates from before the stream's clock lost its footing may be wrong.
    if groups and groups[-1][-1].captured_ns is None:
        raise NotInRing("undated")
    # While nothing later is there, the next frame may be nearer.
    if not dated or wanted_ns > _captured(dated[-1]):
        raise NotInRing("not_yet")
    if wanted_ns < _captured(dated[0]):
        raise NotInRing("too_late" if dated[0] is groups[0][0] else "undated")
    nearest = min(dated, key=lambda packet: abs(_captured(packet) - wanted_ns))
    if abs(_captured(nearest) - wanted_ns) > min(_interval_ns(dated), TOLERANCE_NS):
        raise NotInRing("no_frame")
    return nearest


def _interval_ns(dated: list[HeldPacket]) -> int:
    """Between two frames, as most of them have it; they are in order, and a few may have been lost."""
    steps = sorted(_captured(later) - _captured(earlier) for earlier, later in pairwise(dated))
    return steps[len(steps) // 2] if steps else 0


def _captured(packet: HeldPacket) -> int:
    """When it was captured, or as good as: it arrived not long after."""
    return packet.arrived_ns if packet.captured_ns is None else packet.captured_ns
