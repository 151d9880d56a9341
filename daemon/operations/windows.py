"""Rates and percentiles of the last while, out of counts that only grow."""

from collections import deque

from daemon.messages import Histogram

RATE_WINDOW_S = 10.0
LATENCY_WINDOW_S = 60.0


class RateWindow:
    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, count: int) -> float:
        """Returns the growth per second over the window."""
        if self._samples and count < self._samples[-1][1]:
            self._samples.clear()  # counted anew
        self._samples.append((now_s, count))
        while now_s - self._samples[0][0] > RATE_WINDOW_S:
            self._samples.popleft()
        first_s, first = self._samples[0]
        return (count - first) / (now_s - first_s) if now_s > first_s else 0.0


class LatencyWindow:
    def __init__(self) -> None:
        self._samples: deque[tuple[float, Histogram]] = deque()

    def add(self, now_s: float, histogram: Histogram) -> Histogram:
        """Returns what was counted within the window."""
        last = self._samples[-1][1] if self._samples else histogram
        if last.bounds_ms != histogram.bounds_ms or sum(last.counts) > sum(histogram.counts):
            self._samples.clear()
        if not self._samples:
            # What a worker had counted before we first heard of it is recent, too.
            self._samples.append((now_s, Histogram(histogram.bounds_ms, (0,) * len(histogram.counts), 0.0)))
        self._samples.append((now_s, histogram))
        while now_s - self._samples[0][0] > LATENCY_WINDOW_S:
            self._samples.popleft()
        first = self._samples[0][1]
        counts = tuple(new - old for new, old in zip(histogram.counts, first.counts, strict=True))
        return Histogram(histogram.bounds_ms, counts, histogram.total_ms - first.total_ms)


def percentile_ms(histogram: Histogram, share: float) -> float | None:
    """Returns the duration that this share of the counted ones does not exceed, None if none were counted.

    Within a bucket it interpolates; for what lies above every bound it returns the last bound.
    """
    total = sum(histogram.counts)
    if not total:
        return None
    wanted, below, lower_ms = share * total, 0, 0.0
    for upper_ms, count in zip(histogram.bounds_ms, histogram.counts, strict=False):
        if count and below + count >= wanted:
            return lower_ms + (upper_ms - lower_ms) * (wanted - below) / count
        below, lower_ms = below + count, upper_ms
    return lower_ms
