"""Sets the demo up, runs the real daemon on it, and hands over its events."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from config import DeconvIDError, Settings, load_settings
from daemon.demo.camera_process import has_rtsp_server, rtsp_cameras
from daemon.demo.cast import ACTOR, ASTRONAUT, ENROLLED, CutOut, cast, copy_to
from daemon.demo.scene import AWAY_S, WALK_S, Scene, write_clip
from daemon.enrolment import enrol
from daemon.frames import FRAMES_FOLDER, FrameCounts, FrameRing, instance_id, ring_path
from daemon.store import Store
from deconvid_client import Event, Subscriber
from engine import FaceEngine

logger = logging.getLogger(__name__)

READY_S = 60.0
STOP_S = 15.0


def make_scenes(actors: list[CutOut]) -> dict[str, Scene]:
    """Two corridors: one enrolled person and three strangers walk in each."""
    by_name = {actor.person: actor for actor in actors}
    strangers = [actor for actor in actors if actor.person not in {p for e in ENROLLED for p in e.people}]
    [astronaut], [actor] = ASTRONAUT.people, ACTOR.people
    return {
        "entrance": Scene("entrance", (by_name[astronaut], *strangers[:3]), seed=1),
        "lobby": Scene("lobby", (*strangers[3:5], by_name[actor], strangers[5]), width=960, height=540, seed=2),
    }


@dataclass(slots=True)
class Play:
    """A demo that is being played."""

    settings: Settings
    scenes: dict[str, Scene]
    over_rtsp: bool
    daemon: subprocess.Popen[bytes]
    log: Path
    subscriber: Subscriber

    def events(self, seconds: float) -> Iterator[Event | None]:
        """Yields events as they come, and None now and then so that the caller can redraw.

        Raises:
            DeconvIDError: the daemon has died.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.daemon.poll() not in (None, 0):
                raise DeconvIDError(f"the daemon ended with code {self.daemon.returncode}:\n{self.last_words()}")
            yield self.subscriber.receive(timeout_s=0.1)

    def counts(self) -> dict[str, FrameCounts]:
        """Returns what became of each camera's frames so far."""
        instance, result = instance_id(self.settings.state), {}
        for camera in self.settings.cameras:
            ring = FrameRing.attach(ring_path(FRAMES_FOLDER, instance, camera))
            result[camera] = ring.counts()
            ring.close()
        return result

    def stop(self) -> None:
        """Ends the daemon as systemd would."""
        if self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                raise DeconvIDError(f"the daemon did not stop within {STOP_S:.0f} s:\n{self.last_words()}") from None

    def last_words(self) -> str:
        """Returns the end of the daemon's log, which is gone with the demo's folder."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])


@contextmanager
def play(folder: Path, seconds: float) -> Iterator[Play]:
    """Enrols two people, starts cameras and daemon in a temporary folder, and ends them again.

    Args:
        folder: empty; holds the state, the clips and the daemon's log.
        seconds: for how long the demo will be watched.
    """
    settings = Settings(state=folder / "state")
    with ExitStack() as undo:
        engine = FaceEngine.load(settings)
        enrol_people(engine, settings, folder)
        scenes = make_scenes(cast(engine.detector))
        over_rtsp = has_rtsp_server()
        # A file ends the daemon when it ends; a camera repeats its walk for ever.
        clips = write_clips(scenes, WALK_S + AWAY_S if over_rtsp else seconds + 5, folder)
        addresses = undo.enter_context(rtsp_cameras(clips)) if over_rtsp else {k: str(v) for k, v in clips.items()}
        config = write_config(folder, addresses)
        settings = load_settings(config)
        subscriber = undo.enter_context(Subscriber(settings.events_endpoint, after="start"))
        log = folder / "daemon.log"
        running = Play(settings, scenes, over_rtsp, start_daemon(config, log), log, subscriber)
        undo.callback(running.stop)
        wait_until_ready(running)
        yield running


def enrol_people(engine: FaceEngine, settings: Settings, folder: Path) -> None:
    settings.state.mkdir(mode=0o700, exist_ok=True)
    with Store.of(settings, "demo") as store:
        for picture in ENROLLED:
            enrol(store, engine, picture.people[0], [copy_to(picture, folder)])


def write_clips(scenes: Mapping[str, Scene], seconds: float, folder: Path) -> dict[str, Path]:
    clips = {name: folder / f"{name}.mp4" for name in scenes}
    for name, scene in scenes.items():
        write_clip(scene, seconds, clips[name])
    return clips


def write_config(folder: Path, addresses: Mapping[str, str]) -> Path:
    cameras = "\n".join(f'[cameras.{name}]\nurl = "{address}"\n' for name, address in addresses.items())
    path = folder / "config.toml"
    path.write_text(f'state = "{folder / "state"}"\nweb.listen = ""\n\n{cameras}')
    return path


def start_daemon(config: Path, log: Path, more: Mapping[str, str] = {}) -> subprocess.Popen[bytes]:
    """Args: more: variables of its environment."""
    with log.open("wb") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "daemon.cli", "run", "--config", config],
            stdout=sink,
            stderr=sink,
            start_new_session=True,  # Ctrl-C is for the demo, which ends the daemon in its own way
            env={k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"} | dict(more),
        )


def wait_until_ready(running: Play) -> None:
    deadline = time.monotonic() + READY_S
    while b" ready cameras=" not in running.log.read_bytes():
        if running.daemon.poll() is not None or time.monotonic() > deadline:
            raise DeconvIDError(f"the daemon did not start:\n{running.last_words()}")
        time.sleep(0.1)
