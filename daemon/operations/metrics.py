"""The daemon's status as Prometheus reads it. Cameras and workers are named in it, people never.

A worker's own counts become metrics of their own by a rule, so that a new count needs no change here: `looks` of the
vision worker is `deconvid_vision_looks_total`, `decisions.identified` of the identity worker is
`deconvid_identity_decisions_total{kind="identified"}`, and the histogram `latency_ms` is
`deconvid_identity_latency_seconds`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon.messages import CameraState, Histogram
from daemon.operations.status import CameraStatus, DaemonStatus, WorkerStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

CAMERA_STATES = (*get_args(CameraState), "starting")

OTHER_CHARACTERS = re.compile(r"[^a-zA-Z0-9_]")


def render_metrics(status: DaemonStatus | None, now_ns: int) -> bytes:
    """Returns the metrics in Prometheus' text format.

    Args:
        status: what the supervisor wrote; None if there is nothing that can be read.
        now_ns: since 1970.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_StatusCollector(status, now_ns))
    return generate_latest(registry)


class _StatusCollector(Collector):
    def __init__(self, status: DaemonStatus | None, now_ns: int) -> None:
        self._status, self._now_ns = status, now_ns

    def collect(self) -> Iterator[Metric]:
        status = self._status
        readable = GaugeMetricFamily("deconvid_status_readable", "1 if the supervisor's status can be read.")
        readable.add_metric([], status is not None)
        yield readable
        if status:
            yield from _of_daemon(status, self._now_ns)
            yield from _of_cameras(status.cameras, self._now_ns)
            yield from _of_workers(status.workers)
            yield from _of_counts(status.workers)


def _of_daemon(status: DaemonStatus, now_ns: int) -> Iterator[Metric]:
    build = GaugeMetricFamily("deconvid_build_info", "Version of the running program.", labels=["version"])
    build.add_metric([status.version], 1)
    yield build
    state = GaugeMetricFamily("deconvid_state", "1 for the daemon's state, 0 for the others.", labels=["state"])
    for name in ("starting", "running", "stopping"):
        state.add_metric([name], name == status.state)
    yield state
    for name, help_text, value in (
        ("deconvid_start_time_seconds", "When the daemon started, since 1970.", status.started_wall_ns / 1e9),
        ("deconvid_status_age_seconds", "Age of the status: grows if the supervisor is gone or stuck.",
         _seconds(now_ns, status.written_wall_ns)),
        ("deconvid_ills", "What is wrong now: number of things that /health tells.", len(status.ills)),
    ):  # fmt: skip
        yield GaugeMetricFamily(name, help_text, value=value)


def _of_cameras(cameras: tuple[CameraStatus, ...], now_ns: int) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "deconvid_camera_state", "1 for the camera's state, 0 for the others.", labels=["camera", "state"]
    )
    since = GaugeMetricFamily("deconvid_camera_state_seconds", "How long the state has lasted.", labels=["camera"])
    captured = CounterMetricFamily("deconvid_frames_captured", "Frames that the camera sent.", labels=["camera"])
    analysed = CounterMetricFamily("deconvid_frames_analysed", "Frames in which faces were sought.", labels=["camera"])
    dropped = CounterMetricFamily("deconvid_frames_dropped", "Frames not looked at.", labels=["camera", "reason"])
    in_flight = GaugeMetricFamily("deconvid_frames_in_flight", "Frames that wait for a look.", labels=["camera"])
    for camera in cameras:
        for name in CAMERA_STATES:
            state.add_metric([camera.name, name], name == camera.state)
        since.add_metric([camera.name], _seconds(now_ns, camera.since_wall_ns))
        captured.add_metric([camera.name], camera.captured)
        analysed.add_metric([camera.name], camera.analysed)
        in_flight.add_metric([camera.name], camera.in_flight)
        for reason, count in camera.dropped.items():
            dropped.add_metric([camera.name, reason], count)
    yield from (state, since, captured, analysed, dropped, in_flight)


def _of_workers(workers: tuple[WorkerStatus, ...]) -> Iterator[Metric]:
    labels = ["worker", "role"]
    up = GaugeMetricFamily("deconvid_worker_up", "1 if the worker runs.", labels=labels)
    restarts = CounterMetricFamily("deconvid_worker_restarts", "Restarts since the daemon started.", labels=labels)
    heartbeat = GaugeMetricFamily(
        "deconvid_worker_heartbeat_age_seconds", "Since its last sign of life.", labels=labels
    )
    memory = GaugeMetricFamily("deconvid_worker_memory_bytes", "Resident memory.", labels=labels)
    cpu = CounterMetricFamily("deconvid_worker_cpu_seconds", "Processor time of the process.", labels=labels)
    for worker in workers:
        values = [worker.name, worker.role]
        up.add_metric(values, worker.state == "running")
        restarts.add_metric(values, worker.restarts)
        heartbeat.add_metric(values, worker.heartbeat_age_s)
        memory.add_metric(values, worker.memory_bytes)
        cpu.add_metric(values, worker.cpu_s)
    yield from (up, restarts, heartbeat, memory, cpu)


def _of_counts(workers: tuple[WorkerStatus, ...]) -> Iterator[Metric]:
    """What each worker reports of itself, a family for each name and role."""
    yield from _families(
        CounterMetricFamily, "Counted by the worker since it started.", _flat(workers, lambda worker: worker.counters)
    )
    yield from _families(GaugeMetricFamily, "Measured by the worker.", _flat(workers, lambda worker: worker.gauges))
    histograms: dict[str, HistogramMetricFamily] = {}
    for worker in workers:
        for name, histogram in worker.histograms.items():
            full = _name(worker.role, name)
            if full not in histograms:
                histograms[full] = HistogramMetricFamily(
                    full, "Durations, since the worker started.", labels=["worker"]
                )
            histograms[full].add_metric([worker.name], _buckets(histogram), histogram.total_ms / 1e3)
    yield from histograms.values()


Sample = tuple[str, str, str, float]
"""Full name, kind (may be empty), worker, value."""


def _flat(
    workers: tuple[WorkerStatus, ...], values: Callable[[WorkerStatus], dict[str, int] | dict[str, float]]
) -> Iterator[Sample]:
    for worker in workers:
        for key, value in values(worker).items():
            name, _, kind = key.partition(".")
            yield _name(worker.role, name), kind, worker.name, value / 1e3 if name.endswith("_ms") else value


def _families(
    family: type[CounterMetricFamily] | type[GaugeMetricFamily], help_text: str, samples: Iterable[Sample]
) -> Iterator[Metric]:
    grouped: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        grouped[sample[0]].append(sample)
    for name, members in grouped.items():
        has_kinds = any(kind for _, kind, _, _ in members)
        metric = family(name, help_text, labels=["worker", "kind"] if has_kinds else ["worker"])
        for _, kind, worker, value in members:
            metric.add_metric([worker, kind] if has_kinds else [worker], value)
        yield metric


def _name(role: str, key: str) -> str:
    return (
        "deconvid_" + OTHER_CHARACTERS.sub("_", f"{role}_{key.removesuffix('_ms')}") + "_seconds" * key.endswith("_ms")
    )


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Returns what Prometheus wants: each bucket holds what the smaller ones hold, too."""
    bounds = [*(str(bound / 1e3) for bound in histogram.bounds_ms), "+Inf"]
    total, buckets = 0, []
    for bound, count in zip(bounds, histogram.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets


def _seconds(now_ns: int, then_ns: int) -> float:
    return max(0.0, (now_ns - then_ns) / 1e9)
