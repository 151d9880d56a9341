"""Which frame of a main stream is taken for one of the small stream, in connections that are made up."""

import random
from dataclasses import dataclass

import pytest

from daemon.streams.packet_ring import NotInRing, PacketRing
from daemon.streams.stream_clock import StreamClock

MS, SECOND = 10**6, 10**9
LATENCY_NS, PROBE_NS, PATIENCE_NS, ASK_EACH_NS = 100 * MS, 700 * MS, 250 * MS, 200 * MS
SMALL_FPS, MAIN_FPS = 15, 25


@dataclass(frozen=True)
class Sent:
    arrived_ns: int
    shown_ns: int
    """When the scene looked like this."""
    pts_ns: int
    is_keyframe: bool


@dataclass(frozen=True)
class Line:
    """What happens to a stream on its way. All that is random is drawn from the test's generator."""

    jitter_ns: int = 10 * MS
    late_ns: int = 0
    """Of every frame in the first `late_s` after the connection."""
    late_s: float = 0.0
    pace: float = 1.0
    """How fast the stream's timestamps run."""
    jump_ns: int = 0
    """Of the timestamps, 5 s after the connection."""


def send(fps: int, line: Line, seconds: int, draw: random.Random) -> list[Sent]:
    """A camera that begins with a keyframe, and a reader that first looks at the stream for a while."""
    connected_ns, last_ns = draw.randrange(SECOND), 0
    first = -(-connected_ns // SECOND) * fps
    sent = []
    for number in range(first, first + seconds * fps):
        shown_ns = number * SECOND // fps
        since_ns = shown_ns - connected_ns
        held_up_ns = int(draw.expovariate(1) * line.jitter_ns) + line.late_ns * (since_ns < line.late_s * SECOND)
        last_ns = max(shown_ns + LATENCY_NS + held_up_ns, connected_ns + PROBE_NS, last_ns)
        pts_ns = int(shown_ns * line.pace) + line.jump_ns * (since_ns > 5 * SECOND)
        sent.append(Sent(last_ns, shown_ns, pts_ns, number % fps == 0))
    return sent


def errors_ms(small: Line, main: Line, seed: int, seconds: int = 9) -> list[float]:
    """By how much the frames that are lent miss the moment that the small stream's frame shows, in order of asking."""
    draw = random.Random(seed)
    streams = [send(fps, line, seconds, draw) for fps, line in ((SMALL_FPS, small), (MAIN_FPS, main))]
    arrivals = sorted(((sent.arrived_ns, i, sent) for i in (0, 1) for sent in streams[i]), key=lambda each: each[:2])
    clocks, ring, shown = (StreamClock(), StreamClock()), PacketRing(), [0]
    asked: list[tuple[int, int, int]] = []
    errors, next_ns = [], 0
    for now_ns, i, sent in arrivals:
        clocks[i].note(sent.pts_ns, now_ns)
        dated_ns = clocks[i].when(sent.pts_ns)
        if i:
            shown.append(sent.shown_ns)
            ring.add(b"x", dated_ns, now_ns, is_keyframe=sent.is_keyframe)
        elif dated_ns is not None and now_ns >= next_ns:
            next_ns = now_ns + ASK_EACH_NS
            asked.append((dated_ns, sent.shown_ns, now_ns + PATIENCE_NS))
        waiting, asked = asked, []
        for wanted_ns, wants_ns, until_ns in waiting:
            try:
                errors.append((shown[ring.way_to(wanted_ns).wanted.number] - wants_ns) / MS)
            except NotInRing as miss:
                if miss.reason == "not_yet" and now_ns < until_ns:
                    asked.append((wanted_ns, wants_ns, until_ns))
    return errors


LINES = {
    "good": (Line(), Line()),
    "jittery": (Line(jitter_ns=30 * MS), Line(jitter_ns=5 * MS)),
    "late at first": (Line(late_ns=300 * MS, late_s=2.5), Line()),
    "the main stream is late at first": (Line(), Line(late_ns=80 * MS, late_s=2.8)),
    "timestamps that jump ahead": (Line(), Line(jump_ns=3600 * SECOND)),
    "timestamps that jump back": (Line(jump_ns=-5 * SECOND), Line()),
}


@pytest.mark.parametrize(("small", "main"), LINES.values(), ids=LINES)
def test_every_frame_that_is_lent_shows_the_moment_within_a_frame_from_the_first_one_on(small, main):
    for seed in range(12):
        errors = errors_ms(small, main, seed)
        assert len(errors) > 5
        assert max(map(abs, errors)) <= 1000 / MAIN_FPS, (seed, errors)


@pytest.mark.parametrize("pace", [0.96, 1.04])
def test_timestamps_that_do_not_keep_time_bring_nothing_rather_than_another_moment(pace):
    for seed in range(4):
        assert max(map(abs, errors_ms(Line(), Line(pace=pace), seed, seconds=20)), default=0) <= 2000 / MAIN_FPS
