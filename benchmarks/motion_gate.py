"""What the motion gate costs, what it saves where nothing happens, and whom it overlooks.

    python -m benchmarks.motion_gate --clips ../shared/data/clips --out benchmarks/motion-gate.json

Cost: processor time of one decision, beside cv2.resize with INTER_AREA and a difference of the two small pictures.
Still: a dim wall with noise, encoded as a camera does, without anybody. Walk: somebody comes up to the camera from far
away, and leaves; twelve seconds a time. Clips: every MP4 file of the folder.

Of five frames per second those are held back that the camera worker would hold back, with nobody followed at first. A
track is overlooked if none of its frames is looked at, late if its first one is not. `by_motion_alone` is the gate as
if no face were ever followed: what it sees by itself of footage that is never without a face.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.command import tell
from config import CameraSettings, Settings
from daemon.demo.cast import cast
from daemon.demo.scene import Scene, write_clip
from daemon.streams.motion import MotionGate
from daemon.streams.pictures import to_picture
from daemon.tracking import Tracker
from daemon.view import FIRST_LOOKS
from engine import Detections
from engine.detectors import Detector, load_detector
from engine.images import YuvImage
from engine.machine import processor
from engine.manifests import find_model

LOOK_S = 0.2
SIZES = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
PACKAGES = ("av", "numpy", "opencv-python")
SENSITIVITIES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    at_s: float
    luma: NDArray[np.uint8]
    faces: Detections


def measure(clips: Path | None) -> dict[str, object]:
    settings = Settings()
    spec = find_model(settings.detection.model, settings.models)
    detector = load_detector(spec, settings.detection.size_px, settings.detection.threshold)
    return {
        "processor": processor(),
        "packages": {name: version(name) for name in PACKAGES},
        "detector": spec.sha256,
        "cost_ms": {f"{width}x{height}": cost(width, height) for width, height in SIZES},
        "scenes": {name: compare(looks, settings) for name, looks in scenes(detector, clips, settings)},
    }


def cost(width: int, height: int) -> dict[str, float]:
    rng = np.random.default_rng(1)
    luma = rng.integers(0, 256, (height, width), np.uint8)
    gate = MotionGate(0.5, 1e6)
    gate.opens(luma, 0, is_followed=False)
    gate.note_look()
    small = (160, 160 * height // width)
    before = cv2.resize(luma, small, interpolation=cv2.INTER_AREA)

    def by_opencv() -> None:
        now = cv2.resize(luma, small, interpolation=cv2.INTER_AREA)
        cv2.countNonZero(cv2.threshold(cv2.absdiff(now, before), 8, 255, cv2.THRESH_BINARY)[1])

    cv2.setNumThreads(1)
    return {"gate": best_ms(lambda: gate.opens(luma, 1, is_followed=False)), "opencv": best_ms(by_opencv)}


def best_ms(do: Callable[[], object], rounds: int = 100) -> float:
    """Of the thread's own processor time: the machine may be busy."""
    best = np.inf
    for _ in range(rounds):
        started = time.thread_time()
        do()
        best = min(best, time.thread_time() - started)
    return round(best * 1e3, 3)


def scenes(detector: Detector, clips: Path | None, settings: Settings) -> Iterator[tuple[str, list[Look]]]:
    with tempfile.TemporaryDirectory(prefix="deconvid-") as folder:
        [actor] = cast(detector)[:1]
        for name, lanes, seconds in (("still", (), 60.0), ("walk", (actor,), 60.0)):
            clip = Path(folder) / f"{name}.mp4"
            write_clip(Scene("door", lanes, 640, 360), seconds, clip)
            yield name, list(looks_of(clip, detector, settings))
    for clip in sorted(clips.glob("*.mp4")) if clips else ():
        yield clip.name, list(looks_of(clip, detector, settings))


def looks_of(clip: Path, detector: Detector, settings: Settings) -> Iterator[Look]:
    """Yields five frames per second of a clip, with the faces in them."""
    due_s = 0.0
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            if frame.time is None or frame.time < due_s:
                continue
            due_s += LOOK_S
            picture = to_picture(frame)
            image = YuvImage(*picture.planes, picture.bt709, picture.full_range)
            [found] = detector.detect([image])
            yield Look(frame.time, image.y.copy(), found)


def compare(looks: Sequence[Look], settings: Settings) -> dict[str, object]:
    tracks = tracks_of(looks, settings)
    return {
        "frames": len(looks),
        "frames_with_faces": sum(len(look.faces) > 0 for look in looks),
        "tracks": len(tracks),
        **{
            way: {str(each): gated(looks, tracks, each, settings, follows) for each in SENSITIVITIES}
            for way, follows in (("as_shipped", True), ("by_motion_alone", False))
        },
    }


def tracks_of(looks: Sequence[Look], settings: Settings) -> list[list[int]]:
    """Returns of each track in which frames it is seen; tracks of fewer than three are taken for false alarms."""
    tracker, seen = make_tracker(settings), defaultdict[str, list[int]](list)
    for index, look in enumerate(looks):
        for track in tracker.update(look.faces, look.at_s):
            seen[track.name].append(index)
    return [indices for indices in seen.values() if len(indices) >= FIRST_LOOKS]


def gated(
    looks: Sequence[Look], tracks: Sequence[Sequence[int]], sensitivity: float, settings: Settings, follows: bool
) -> dict[str, object]:
    gate, tracker = MotionGate(sensitivity, CameraSettings.model_fields["still_look_s"].default), make_tracker(settings)
    looked_at = set[int]()
    for index, look in enumerate(looks):
        if gate.opens(look.luma, round(look.at_s * 1e9), is_followed=follows and len(tracker) > 0):
            gate.note_look()
            looked_at.add(index)
            tracker.update(look.faces, look.at_s)
            tracker.end_lost(look.at_s)
    first = [next((index for index in track if index in looked_at), None) for track in tracks]
    late_s = [looks[n].at_s - looks[track[0]].at_s for n, track in zip(first, tracks, strict=True) if n is not None]
    return {
        "looked_at": round(len(looked_at) / len(looks), 3),
        "overlooked": first.count(None),
        "late": sum(each > 0 for each in late_s),
        "latest_s": round(max(late_s, default=0.0), 2),
    }


def make_tracker(settings: Settings) -> Tracker:
    numbers = count(1)
    return Tracker(lambda: str(next(numbers)), settings.tracking.lost_after_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="folder of MP4 files to compare on, too")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    tell(measure(args.clips), args.out)


if __name__ == "__main__":
    main()
