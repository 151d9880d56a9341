"""The daemon under soak: cameras of their own processes, a state folder that can fill up, a configuration to change."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from config import DeconvIDError, Settings, load_settings
from daemon.demo.camera_process import CameraProcess, has_rtsp_server
from daemon.demo.cast import ENROLLED, cast
from daemon.demo.play import enrol_people, start_daemon
from daemon.demo.scene import AWAY_S, WALK_S, Scene, write_clip
from daemon.errors import FrameRingError
from daemon.frames import FRAMES_FOLDER, FrameCounts, FrameRing, instance_id, ring_path
from daemon.operations.status import DaemonStatus, NoStatusError, read_status
from daemon.soak.remains import children_of, remains
from daemon.soak.wall_clock import WallClock
from engine import FaceEngine

logger = logging.getLogger(__name__)

STATE_MEGABYTES = 1024
"""Size of the state folder's file system, where one of its own can be mounted."""
STOP_S = 20.0
DETECT_FPS = (5, 4)
"""A reload changes the cameras' rate from one to the other and back."""


@dataclass(slots=True)
class Rig:
    config: Path
    settings: Settings
    scenes: dict[str, Scene]
    cameras: dict[str, CameraProcess]
    daemon: subprocess.Popen[bytes]
    log: Path
    own_file_system: bool
    """Whether the state folder can be filled up without harm to others."""
    clock: WallClock | None
    """The daemon's; None: the machine's own."""
    reloads: int = 0
    """Changes of the configuration so far."""

    def status(self) -> DaemonStatus | None:
        try:
            return read_status(self.settings.runtime_folder)
        except NoStatusError:
            return None

    def accounts(self) -> dict[str, FrameCounts]:
        """What became of each camera's frames, as its ring says, and not the daemon."""
        accounts, instance = {}, instance_id(self.settings.state)
        for name in self.cameras:
            path = ring_path(FRAMES_FOLDER, instance, name)
            with suppress(FrameRingError), closing(FrameRing.attach(path)) as ring:
                accounts[name] = ring.counts()
        return accounts

    def end_daemon(self) -> list[str]:
        """Stops the daemon; returns what it leaves behind."""
        children = children_of(self.daemon.pid)
        _stop(self.daemon)
        return remains(instance_id(self.settings.state), children)

    def now_ns(self) -> int:
        """The daemon's wall clock."""
        return self.clock.now_ns() if self.clock else time.time_ns()

    def pid_of(self, worker: str) -> int | None:
        status = self.status()
        found = [each.pid for each in status.workers if each.name == worker] if status else []
        return found[0] if found else None

    def write_config(self, broken: bool = False) -> None:
        """Writes a configuration that differs from the one before; a broken one names no camera's address."""
        fps = DETECT_FPS[self.reloads % len(DETECT_FPS)]
        write_config(self.config, self.settings.state, self.cameras, fps, broken)

    def reload(self) -> None:
        """As systemd does."""
        self.daemon.send_signal(signal.SIGHUP)


def write_config(path: Path, state: Path, cameras: dict[str, CameraProcess], fps: int, broken: bool = False) -> None:
    sections = "".join(
        f'[cameras.{name}]\nurl = "{"" if broken else camera.url()}"\ndetect_fps = {fps}\nread_timeout_s = 3\n'
        for name, camera in cameras.items()
    )
    path.write_text(f'state = "{state}"\nweb.listen = ""\n{sections}')


@contextmanager
def build_rig(folder: Path, camera_count: int, sets_clock: bool) -> Iterator[Rig]:
    """Starts cameras and daemon in an empty folder, and ends them again.

    Args:
        sets_clock: whether the daemon gets a wall clock of its own, which costs it time: networks ask for it often.

    Raises:
        DeconvIDError: this machine cannot play cameras, or the daemon does not start.
    """
    if not has_rtsp_server():
        raise DeconvIDError("no RTSP server here. Install the packages that scripts/camera-packages.txt names")
    state = folder / "state"
    state.mkdir(mode=0o700)
    with ExitStack() as undo:
        own_file_system = undo.enter_context(_own_file_system(state))
        engine = FaceEngine.load(Settings(state=state))
        enrol_people(engine, Settings(state=state), folder)
        scenes = make_scenes(engine, camera_count)
        cameras: dict[str, CameraProcess] = {}
        for name, scene in scenes.items():
            clip = folder / f"{name}.mp4"
            write_clip(scene, WALK_S + AWAY_S, clip)
            cameras[name] = CameraProcess({"cam": clip})
            undo.callback(cameras[name].kill)
        config, log = folder / "config.toml", folder / "daemon.log"
        write_config(config, state, cameras, DETECT_FPS[0])
        clock = WallClock.make(folder) if sets_clock else None
        daemon = start_daemon(config, log, clock.environment if clock else {})
        undo.callback(_stop, daemon)
        yield Rig(config, load_settings(config), scenes, cameras, daemon, log, own_file_system, clock)


def make_scenes(engine: FaceEngine, count: int) -> dict[str, Scene]:
    """Each camera sees one enrolled person and two strangers, in turn."""
    actors = cast(engine.detector)
    enrolled = [a for a in actors if any(a.person in picture.people for picture in ENROLLED)]
    strangers = [a for a in actors if a not in enrolled]
    return {
        f"cam{i + 1}": Scene(
            f"cam{i + 1}",
            (strangers[2 * i % len(strangers)], enrolled[i % len(enrolled)], strangers[(2 * i + 1) % len(strangers)]),
            width=640,
            height=360,
            seed=i,
        )
        for i in range(count)
    }


@contextmanager
def _own_file_system(folder: Path) -> Iterator[bool]:
    """Mounts a small one there, if this user may; yields whether."""
    options = f"size={STATE_MEGABYTES}m,mode=700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "deconvid-soak", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        logger.warning("soak_without_disk_full fix='run as root: it mounts a small file system for the state'")
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(STOP_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
