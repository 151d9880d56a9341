"""Where the rings lie: `deconvid-<instance>-<camera>` in a tmpfs, so that two daemons never meet."""

import hashlib
from pathlib import Path

FRAMES_FOLDER = Path("/dev/shm")


def instance_id(state: Path) -> str:
    """Eight hexadecimal digits that tell the daemons of one machine apart: one daemon per state folder."""
    return hashlib.sha256(bytes(state.resolve())).hexdigest()[:8]


def ring_path(folder: Path, instance: str, camera: str) -> Path:
    return folder / f"deconvid-{instance}-{camera}"


def camera_of(path: Path) -> str:
    return path.name.split("-", 2)[2]


def remove_rings(instance: str, folder: Path = FRAMES_FOLDER) -> int:
    """Removes what a killed daemon of this instance left behind; returns how many rings that were."""
    leftovers = list(folder.glob(f"deconvid-{instance}-*"))
    for path in leftovers:
        path.unlink(missing_ok=True)
    return len(leftovers)
