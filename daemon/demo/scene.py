"""A corridor as a camera sees it: people walk up to it, each in a lane of their own, and leave.

The lanes are the ground truth: whoever is seen in a lane is the person who walks there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.demo.cast import CutOut

WALK_S = 8.0
"""From the far end of the corridor to the camera."""
AWAY_S = 4.0
"""Time out of sight before the walk begins again; longer than a track is kept."""

FAR_FACE_SHARE = 0.07
NEAR_FACE_SHARE = 0.24
"""Height of a face as a share of the picture's, at the far and the near end."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What one camera films."""

    camera: str
    lanes: tuple[CutOut, ...]
    """From left to right."""
    width: int = 1280
    height: int = 720
    fps: int = 15
    seed: int = 1

    def person_at(self, x: float, frame_width: int) -> str:
        """Returns who walks where a face was seen; x is its centre in pixels of a frame of that width."""
        lane = int(x / frame_width * len(self.lanes))
        return self.lanes[min(max(lane, 0), len(self.lanes) - 1)].person


def frames(scene: Scene, seconds: float) -> Iterator[NDArray[np.uint8]]:
    """Yields (height, width, 3) uint8 BGR frames; after WALK_S + AWAY_S seconds everything repeats."""
    rng = np.random.default_rng(scene.seed)
    wall = _wall(scene, rng)
    # Drawing noise anew for each frame would cost more than everything else; a few patterns in turn look the same.
    noise = [rng.normal(0, 5, wall.shape).astype(np.int16) for _ in range(4)]
    for number in range(round(seconds * scene.fps)):
        picture = wall.copy()
        for lane, actor in enumerate(scene.lanes):
            _draw(picture, scene, lane, actor, number / scene.fps)
        yield np.clip(picture + noise[number % len(noise)], 0, 255).astype(np.uint8)


def write_clip(scene: Scene, seconds: float, path: Path, bits_per_s: int = 0) -> None:
    """Encodes the scene as H.264 with a keyframe each second, as network cameras do; 0 bits are as many as it needs."""
    rate = {"b": str(bits_per_s)} if bits_per_s else {"crf": "26"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=scene.fps, options={"preset": "veryfast", "bf": "0", **rate})
        stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, "yuv420p"
        stream.gop_size = scene.fps
        stream.time_base = Fraction(1, scene.fps)
        for picture in frames(scene, seconds):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))


def _wall(scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A dim wall, lighter towards the middle, with some texture."""
    rows, columns = np.mgrid[0 : scene.height, 0 : scene.width]
    light = 95 - 45 * np.hypot(rows / scene.height - 0.5, columns / scene.width - 0.5)
    texture = cv2.resize(rng.normal(0, 6, (scene.height // 16, scene.width // 16)), (scene.width, scene.height))
    tint = np.array([1.05, 1.0, 0.95])
    wall: NDArray[np.uint8] = np.clip((light + texture)[..., None] * tint, 0, 255).astype(np.uint8)
    return wall


def _draw(picture: NDArray[np.uint8], scene: Scene, lane: int, actor: CutOut, at_s: float) -> None:
    cycle_s = WALK_S + AWAY_S
    progress = ((at_s + lane * cycle_s / len(scene.lanes)) % cycle_s) / WALK_S
    if progress >= 1:
        return
    share = FAR_FACE_SHARE * (NEAR_FACE_SHARE / FAR_FACE_SHARE) ** progress
    side = share * scene.height / actor.face_share
    lane_width = scene.width / len(scene.lanes)
    sway = 0.06 * lane_width * np.sin(2 * np.pi * (progress * 3 + lane / 3))
    x = lane_width * (lane + 0.5) + sway - side / 2
    y = scene.height * (0.3 + 0.2 * progress + 0.01 * np.sin(2 * np.pi * progress * 8)) - side / 2
    lean = cv2.getRotationMatrix2D((actor.pixels.shape[1] / 2,) * 2, 4 * np.sin(2 * np.pi * progress * 2), 1.0)
    size = max(8, round(side))
    pixels = cv2.resize(
        cv2.warpAffine(actor.pixels, lean, actor.pixels.shape[:2], borderMode=cv2.BORDER_REPLICATE),
        (size, size),
        interpolation=cv2.INTER_AREA,
    )
    alpha = cv2.resize(actor.alpha, (size, size))[..., None]
    left, top = round(x), round(y)
    x1, y1, x2, y2 = max(0, left), max(0, top), min(scene.width, left + size), min(scene.height, top + size)
    inside = (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))
    under = picture[y1:y2, x1:x2]
    light = 0.75 + 0.25 * progress
    picture[y1:y2, x1:x2] = (alpha[inside] * pixels[inside] * light + (1 - alpha[inside]) * under).astype(np.uint8)
