"""What it costs to cut faces from a main stream that is not decoded, beside decoding all of it.

    python -m benchmarks.main_stream --seconds 120 --out benchmarks/main-stream.json

A simulated camera shows one scene, four people, as a main stream (1920x1080, 25 frames per second, H.264, 5 Mbit/s, a
keyframe each second) and a small one (640x360, 15, 0.6 Mbit/s). One daemon reads it three times, side by side: `whole`
decodes the main stream, `small` the small one, and `both` the small one, with faces cut from the main one. Beside it
`bare` decodes the main stream as anybody would (benchmarks/bare_decoding.py). CPU is seconds of processor time of each
camera's worker, and of `bare`, per second; people come all the time, which no camera sees.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from benchmarks.command import run
from config import DeconvIDError, load_settings
from daemon.demo.camera_process import CameraProcess
from daemon.demo.cast import GROUP, cut_out
from daemon.demo.scene import AWAY_S, WALK_S, Scene, write_clip
from daemon.operations.status import DaemonStatus, NoStatusError, WorkerStatus, read_status
from daemon.procfs import usage_of
from engine import FaceEngine
from engine.machine import processor

START_S = 60.0
SETTLE_S = 60.0
"""Opening streams is not what is measured, nor what the budget had saved for the first people."""
BITS_PER_S = {"main": 5_000_000, "small": 600_000}
CAMERAS = ("whole", "small", "both")


def write_clips(folder: Path, lanes: int = 4) -> dict[str, Path]:
    detector = FaceEngine.load(load_settings(configure(folder, "", ""))).detector
    scene = Scene("both", tuple(cut_out(GROUP, detector)[:lanes]), 1920, 1080, 25)
    clips = {"main": scene, "small": replace(scene, width=640, height=360, fps=15)}
    for name, each in clips.items():
        write_clip(each, WALK_S + AWAY_S, folder / f"{name}.mp4", BITS_PER_S[name])
    return {name: folder / f"{name}.mp4" for name in clips}


def configure(folder: Path, small: str, main: str) -> Path:
    path = folder / "config.toml"
    keys = (f'url = "{main}"', f'url = "{small}"', f'url = "{small}"\nmain_url = "{main}"')
    cameras = "\n".join(f"[cameras.{name}]\n{text}" for name, text in zip(CAMERAS, keys, strict=True)) if main else ""
    path.write_text(f'state = "{folder / "state"}"\nweb.listen = ""\n{cameras}\n')
    return path


def wait_until_both_stream(runtime: Path) -> DaemonStatus:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        time.sleep(0.5)
        try:
            status = read_status(runtime)
        except NoStatusError:
            continue
        gauges = worker(status, "camera-both").gauges if status.state == "running" else {}
        if gauges.get("main_streams") and all(camera.state == "streaming" for camera in status.cameras):
            return status
    raise DeconvIDError("the daemon does not read its cameras. Look at its log")


def worker(status: DaemonStatus, name: str) -> WorkerStatus:
    return next(each for each in status.workers if each.name == name)


def grown(before: WorkerStatus, after: WorkerStatus) -> dict[str, int]:
    return {name: count - before.counters.get(name, 0) for name, count in after.counters.items()}


def watch(runtime: Path, bare: int, seconds: float) -> dict[str, object]:
    """Args: bare: process that decodes beside the daemon."""
    wait_until_both_stream(runtime)
    time.sleep(SETTLE_S)
    before, bare_before_s = read_status(runtime), usage_of(bare).cpu_s
    time.sleep(seconds)
    after, bare_s = read_status(runtime), usage_of(bare).cpu_s - bare_before_s
    elapsed_s = (after.written_wall_ns - before.written_wall_ns) / 1e9
    cpu = {
        name: (worker(after, f"camera-{name}").cpu_s - worker(before, f"camera-{name}").cpu_s) / elapsed_s
        for name in CAMERAS
    }
    cpu["bare"] = bare_s / seconds
    vision = grown(worker(before, "vision"), worker(after, "vision"))
    return {
        "seconds": round(elapsed_s, 1),
        "cpu": {name: round(share, 4) for name, share in cpu.items()},
        "cpu_of_whole_to_bare": round(cpu["whole"] / cpu["bare"], 3),
        "cpu_share": round(cpu["both"] / cpu["whole"], 3),
        "cpu_share_of_main": round((cpu["both"] - cpu["small"]) / cpu["whole"], 3),
        "camera": grown(worker(before, "camera-both"), worker(after, "camera-both")),
        "vision": {name: count for name, count in vision.items() if name.startswith("closer.")},
        "held_bytes": worker(after, "camera-both").gauges["main_held_bytes"],
    }


def measure(seconds: float) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="deconvid-") as name:
        folder = Path(name)
        camera = CameraProcess(write_clips(folder), ["--one-lens"])
        config = configure(folder, camera.url("small"), camera.url("main"))
        load = os.getloadavg()[0]
        daemon = subprocess.Popen([sys.executable, "-m", "daemon.cli", "run", "--config", config], stderr=2)
        bare = subprocess.Popen([sys.executable, "-m", "benchmarks.bare_decoding", camera.url("main")])
        try:
            report = watch(load_settings(config).runtime_folder, bare.pid, seconds)
        finally:
            bare.terminate()
            bare.wait()
            daemon.terminate()
            daemon.wait()
            camera.kill()
    return {
        "command": f"python -m benchmarks.main_stream {' '.join(sys.argv[1:])}",
        "machine": processor(),
        "load_before": load,
        "versions": {name: version(name) for name in ("av", "numpy", "pyzmq")},
        **report,
    }


if __name__ == "__main__":
    run(__doc__, measure, seconds=120)
