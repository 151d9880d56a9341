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
"""A connection begins with what was read to find out what it is, late by half a second; then some must come in time."""
JUMP_NS = 10**9
"""Timestamps that go back so far were set anew; with B frames they go back by some frames."""


class StreamClock:
    """Dates the frames of one connection; belongs to one thread."""

    def __init__(self) -> None:
        self._newest_pts_ns: int | None = None
        self._least_ns: int | None = None
        self._before_ns: int | None = None
        self._since_ns = 0
        self._settled = False

    def note(self, pts_ns: int | None, arrived_ns: int) -> None:
        """Learns from a packet.

        Args:
            pts_ns: its timestamp, if it has one.
            arrived_ns: when it arrived, CLOCK_MONOTONIC.
        """
        if pts_ns is None:
            return
        if self._newest_pts_ns is None or self._newest_pts_ns - pts_ns > JUMP_NS:
            self._least_ns = self._before_ns = None
            self._since_ns, self._settled = arrived_ns, False
        self._newest_pts_ns = pts_ns
        if arrived_ns - self._since_ns > HALF_WINDOW_NS:
            self._before_ns, self._least_ns, self._since_ns = self._least_ns, None, arrived_ns
        delay_ns = arrived_ns - pts_ns
        self._least_ns = delay_ns if self._least_ns is None else min(self._least_ns, delay_ns)
        self._settled = self._settled or arrived_ns - self._since_ns >= SETTLING_NS

    def when(self, pts_ns: int | None) -> int | None:
        """Returns when a frame was captured, CLOCK_MONOTONIC; None if that cannot be said (yet)."""
        if pts_ns is None or not self._settled:
            return None
        return pts_ns + min(delay_ns for delay_ns in (self._least_ns, self._before_ns) if delay_ns is not None)
