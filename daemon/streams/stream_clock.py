"""When the frames of a stream were captured, on this machine's clock, so that two streams of a camera can be matched.

A frame arrives when it was captured, plus what encoder and network always take, plus what they took longer this time.
A stream's timestamps run evenly, only from an unknown start. So the least that arrival and timestamp differ, of the
last seconds, is that start plus what is always taken: a frame that was held up is dated as if it had come through.
What remains of the error between two streams of a camera is by how much their least delays differ.

The camera's own time (RTCP sender reports) is not used: GStreamer's RTSP server, which is inside of many cameras, tells
times for two streams of one scene that are 0.8 s apart if one of them had to wait for its first keyframe.
"""

HALF_WINDOW_NS = 10 * 10**9
"""The least delay is that of one to two of these: longer than hold-ups last, too short for clocks to drift apart."""
SETTLING_NS = 3 * 10**9
"""For so long must the least delay have stood still: a connection begins with what was read to find out what it is,
late by half a second, and then catches up."""
AGREE_NS = 20_000_000
"""Half a frame at 25 per second: the dates of two streams that each stand still are less than a frame apart."""
LATELY_NS = 10**9
"""So often must some frame come with about the least delay, or it may no longer be that of the stream."""
JUMP_NS = 10**9
"""Timestamps that go back so far were set anew; with B frames they go back by some frames."""


class StreamClock:
    """Dates the frames of one connection, while that can be done to within half a frame; belongs to one thread."""

    def __init__(self) -> None:
        self._newest_pts_ns: int | None = None
        self._least_ns: int | None = None
        self._before_ns: int | None = None
        self._half_began_ns = 0
        self._stands_at_ns: int | None = None
        self._stands_since_ns = self._met_ns = self._newest_ns = 0
        """Arrivals: of the frame since which the least delay stands still, of the last one with it, of the last one."""

    def note(self, pts_ns: int | None, arrived_ns: int) -> None:
        """Learns from a packet.

        Args:
            pts_ns: its timestamp, if it has one.
            arrived_ns: when it arrived, CLOCK_MONOTONIC.
        """
        if pts_ns is None:
            return
        if self._newest_pts_ns is None or self._newest_pts_ns - pts_ns > JUMP_NS:
            self._least_ns = self._before_ns = self._stands_at_ns = None
            self._half_began_ns = arrived_ns
        self._newest_pts_ns, self._newest_ns = pts_ns, arrived_ns
        delay_ns = arrived_ns - pts_ns
        half_is_over = arrived_ns - self._half_began_ns > HALF_WINDOW_NS
        if half_is_over:
            self._before_ns, self._least_ns, self._half_began_ns = self._least_ns, None, arrived_ns
        self._least_ns = delay_ns if self._least_ns is None else min(self._least_ns, delay_ns)
        if self._stands_at_ns is None or delay_ns < self._stands_at_ns - AGREE_NS:
            self._stands_at_ns, self._stands_since_ns = delay_ns, arrived_ns
        elif half_is_over:
            self._stands_at_ns = self._delay_ns()
        if delay_ns <= self._delay_ns() + AGREE_NS:
            self._met_ns = arrived_ns

    def when(self, pts_ns: int | None) -> int | None:
        """Returns when a frame was captured, CLOCK_MONOTONIC; None if that cannot be said (yet, or for now)."""
        if pts_ns is None or self._stands_at_ns is None:
            return None
        stands = self._newest_ns - self._stands_since_ns >= SETTLING_NS
        return pts_ns + self._delay_ns() if stands and self._newest_ns - self._met_ns <= LATELY_NS else None

    def _delay_ns(self) -> int:
        """What encoder and network always take, and the stream's start: the least delay."""
        return min(delay_ns for delay_ns in (self._least_ns, self._before_ns) if delay_ns is not None)
