"""The supervisor's status of a daemon that is well, and changes of it."""

from typing import Any

from daemon.messages import Histogram
from daemon.operations.status import CameraStatus, DaemonStatus, WorkerStatus

NOW_NS = 1_800_000_000 * 10**9
AN_HOUR_AGO_NS = NOW_NS - 3600 * 10**9


def make_worker(name: str = "vision", role: str = "vision", **changes: Any) -> WorkerStatus:
    values: dict[str, Any] = {
        "name": name,
        "role": role,
        "state": "running",
        "pid": 42,
        "since_wall_ns": AN_HOUR_AGO_NS,
        "restarts": 0,
        "heartbeat_age_s": 0.1,
        "memory_bytes": 200_000_000,
        "cpu_s": 12.5,
    }
    return WorkerStatus(**(values | changes))


def make_camera(name: str = "door", **changes: Any) -> CameraStatus:
    values: dict[str, Any] = {
        "name": name,
        "state": "streaming",
        "detail": "1280x720 h264",
        "since_wall_ns": AN_HOUR_AGO_NS,
        "captured": 120,
        "analysed": 58,
        "in_flight": 2,
        "dropped": {"rate": 59, "stale": 1},
    }
    return CameraStatus(**(values | changes))


def make_status(**changes: Any) -> DaemonStatus:
    latency = Histogram((10.0, 50.0), (1, 2, 3), 400.0)
    values: dict[str, Any] = {
        "version": "0.1.0",
        "pid": 41,
        "state": "running",
        "started_wall_ns": AN_HOUR_AGO_NS,
        "written_wall_ns": NOW_NS - 10**9 // 2,
        "configuration": "config.toml",
        "workers": (
            make_worker(
                *("identity", "identity"),
                counters={"decisions.identified": 3, "decisions.unknown": 2, "decisions.corrected": 0, "events": 9},
                gauges={"newest_sequence": 9},
                histograms={"latency_ms": latency},
            ),
            make_worker(
                *("vision", "vision"),
                counters={"looks": 58, "faces": 40, "crops.embedded": 20, "crops.small_box": 3},
                gauges={"cameras": 1, "batch_size": 2, "detector.finder_v1": 1},
                histograms={"look_ms": latency, "embed_ms": latency},
            ),
            make_worker(
                *("bus", "bus"),
                counters={"published": 9, "requests": 2},
                gauges={"newest_sequence": 9, "behind": 1},
            ),
            make_worker("bridge-home", "bridge", counters={"delivered": 8, "failed": 1}, gauges={"lag": 1}),
            make_worker("web", "web", counters={"requests": 5}, gauges={"listening": 1}),
            make_worker("camera-door", "camera"),
        ),
        "cameras": (make_camera(),),
    }
    return DaemonStatus(**(values | changes))
