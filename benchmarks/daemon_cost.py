"""What the daemon costs on this machine: CPU and memory of each process, latency, frames, on the demo's two cameras.

    python -m benchmarks.daemon_cost --seconds 60 --out benchmarks/daemon-cost.json

Two simulated cameras over RTSP (1280x720 and 960x540, H.264, 15 frames per second, four people each), five looks per
second each. CPU is seconds of processor time per second of the watch, memory the proportional set size at its end.
"""

import os
import re
import sys
import tempfile
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks.command import run
from daemon.demo.cast import ENROLLED
from daemon.demo.play import Play, play
from daemon.demo.verdict import Verdict
from daemon.procfs import usage_of
from engine.machine import processor
from engine.manifests import find_model

PACKAGES = ("av", "numpy", "onnxruntime", "opencv-python", "openvino", "pyzmq", "sqlalchemy")


def workers(running: Play) -> dict[str, int]:
    """Returns the process id of every process of the daemon, by name."""
    found = re.findall(r"worker_started worker=(\S+) pid=(\d+)", running.log.read_text())
    return {"supervisor": running.daemon.pid} | {name: int(pid) for name, pid in found}


def memory_mb(pid: int) -> float:
    """Proportional set size: pages that processes share count once in all."""
    [kilobytes] = re.findall(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return round(int(kilobytes) / 1024, 1)


def measure(seconds: float) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="deconvid-") as folder, play(Path(folder), seconds + 10) as running:
        verdict = Verdict(running.scenes, [person for picture in ENROLLED for person in picture.people])
        # The first seconds are start-up: cameras come last, and a long run does not pay for threads and caches.
        for _event in running.events(5):
            pass
        pids = workers(running)
        before = {name: usage_of(pid).cpu_s for name, pid in pids.items()}
        started, load = time.monotonic(), os.getloadavg()[0]
        for event in running.events(seconds):
            if event:
                verdict.take(event)
        elapsed = time.monotonic() - started
        processes = {
            name: {"cpu": round((usage_of(pid).cpu_s - before[name]) / elapsed, 3), "memory_mb": memory_mb(pid)}
            for name, pid in pids.items()
        }
        frames = {camera: asdict(count) for camera, count in running.counts().items()}
        running.stop()
        return {
            "command": f"python -m benchmarks.daemon_cost {' '.join(sys.argv[1:])}",
            "machine": processor(),
            "load_before": load,
            "versions": {name: version(name) for name in PACKAGES},
            "models": {
                name: find_model(name).sha256
                for name in (running.settings.detection.model, running.settings.embedding.model)
            },
            "over_rtsp": running.over_rtsp,
            "seconds": round(elapsed, 1),
            "processes": processes,
            "latency_ms": asdict(verdict.latency) if verdict.latency else None,
            "decisions": len(verdict.latencies_ms),
            "frames": frames,
        }


if __name__ == "__main__":
    run(__doc__, measure, seconds=60)
