"""How a worker tells the supervisor what it has counted."""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

import zmq

from daemon.messages import CameraReport, Histogram, WorkerReport, encode

INTERVAL_S = 1.0
LINGER_MS = 200
"""How long the last report may take to be delivered when the worker ends."""

LATENCY_BOUNDS_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 250.0, 500.0, 1000.0, 2500.0, 10000.0)


class LatencyHistogram:
    """Counts durations in milliseconds."""

    def __init__(self, bounds_ms: tuple[float, ...] = LATENCY_BOUNDS_MS) -> None:
        self._bounds_ms = bounds_ms
        self._counts = [0] * (len(bounds_ms) + 1)
        self._total_ms = 0.0

    def add(self, ms: float) -> None:
        self._counts[bisect_left(self._bounds_ms, ms)] += 1
        self._total_ms += ms

    def snapshot(self) -> Histogram:
        return Histogram(self._bounds_ms, tuple(self._counts), self._total_ms)


class Reporter:
    """Sends a WorkerReport at most once a second; a context manager. Never waits, and belongs to one thread.

    Args:
        context: the worker's.
        endpoint: the supervisor's `reports`.
        worker: the plan's name.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoint: str,
        worker: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker, self._clock = worker, clock
        self._next_s = clock()
        self._socket = context.socket(zmq.PUSH)
        # Counts only grow: while the supervisor is busy, the newest report says all that the older ones said.
        self._socket.setsockopt(zmq.CONFLATE, 1)
        self._socket.setsockopt(zmq.LINGER, LINGER_MS)
        self._socket.connect(endpoint)

    @property
    def is_due(self) -> bool:
        """Whether `report` would send now; for those to whom gathering the counts is work."""
        return self._clock() >= self._next_s

    def report(
        self,
        *,
        counters: Mapping[str, int] | None = None,
        gauges: Mapping[str, float] | None = None,
        histograms: Mapping[str, LatencyHistogram] | None = None,
        camera: CameraReport | None = None,
        ill: str = "",
        at_once: bool = False,
    ) -> None:
        """Sends what the worker has counted since it started, unless it did so less than a second ago.

        Args:
            at_once: for what cannot wait so long, such as a camera's new state.
        """
        if not (at_once or self.is_due):
            return
        self._next_s = self._clock() + INTERVAL_S
        report = WorkerReport(
            worker=self._worker,
            counters=dict(counters or {}),
            gauges=dict(gauges or {}),
            histograms={name: histogram.snapshot() for name, histogram in (histograms or {}).items()},
            camera=camera,
            ill=ill,
        )
        with suppress(zmq.Again):
            self._socket.send(encode(report), zmq.NOBLOCK)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
