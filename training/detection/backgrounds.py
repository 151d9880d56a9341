"""Pictures without faces, from Debian's packages (background-packages.txt names them).

    apt-get install --no-install-recommends $(grep -v '^#' training/detection/background-packages.txt)
    python -m training.detection.backgrounds                  # collects them once, drops those with a face

DECONVID_BACKGROUNDS names other folders to search, separated by colons.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from training.paths import RUNS

if TYPE_CHECKING:
    from training.detection.teachers import YuNet

logger = logging.getLogger(__name__)

FOLDERS = (
    "/usr/share/backgrounds:/usr/share/wallpapers:/usr/share/tuxpaint/stamps:/usr/share/doc/opencv-doc/examples:"
    "/usr/share/games/supertuxkart/data/textures:/usr/share/games/supertuxkart/data/tracks:/usr/share/games/trigger-rally"
)
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
LONGEST_PX, SHORTEST_PX = 560, 96
FEWEST = 50

Image = NDArray[np.uint8]


def load_backgrounds(cache: Path = RUNS / "backgrounds") -> list[Image]:
    """Returns the pictures, (H, W, 3) uint8 BGR; they are collected on first use."""
    if not cache.is_dir():
        _collect(cache)
    return [np.asarray(cv2.imread(str(path)), np.uint8) for path in sorted(cache.glob("*.jpg"))]


def _collect(cache: Path) -> None:
    from training.detection.teachers import YuNet  # OpenVINO is not at hand where a GPU trains

    folders = [Path(folder) for folder in os.environ.get("DECONVID_BACKGROUNDS", FOLDERS).split(":")]
    files = sorted(f for folder in folders for f in folder.rglob("*") if f.suffix.lower() in ENDINGS)
    yunet, part, kept = YuNet(), cache.with_suffix(".part"), 0
    part.mkdir(parents=True, exist_ok=True)
    for file in files:
        image = read_background(file)
        if image is None or _has_face(image, yunet):
            continue
        cv2.imwrite(str(part / f"{kept:05d}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 80])
        kept += 1
    if kept < FEWEST:
        raise SystemExit(f"error: {kept} background pictures found, {FEWEST} needed. Install background-packages.txt")
    part.rename(cache)
    logger.info("%d of %d pictures are backgrounds", kept, len(files))


def read_background(file: Path) -> Image | None:
    """Returns a picture of sensible size, what is transparent in it on a colour; None if it is none."""
    image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8 or image.ndim != 3 or min(image.shape[:2]) < SHORTEST_PX:
        return None
    if image.shape[2] == 4:
        colour = np.random.default_rng(len(file.name)).integers(0, 256, 3)
        alpha = image[..., 3:].astype(np.float32) / 255
        image = (image[..., :3] * alpha + colour * (1 - alpha)).astype(np.uint8)
    scale = min(1.0, LONGEST_PX / max(image.shape[:2]))
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _has_face(image: Image, yunet: "YuNet") -> bool:
    """Whether the teacher sees one in any size; painted faces count too, for they teach nothing clear."""
    return len(yunet.detect(image, {0.5: 1e9, 1.0: 1e9})) > 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logger.info("%d backgrounds", len(load_backgrounds()))
