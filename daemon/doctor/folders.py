"""The state and runtime folders, the disk under them, and the shared memory for frames."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from config import CameraSettings, Settings
from daemon.doctor.finding import Finding
from daemon.frames import FRAMES_FOLDER
from daemon.frames.slot import slot_bytes

SLOTS = 4
"""Of a camera's ring."""
LEAST_DISK_MB = 100
GOOD_DISK_MB = 1000
USUAL_FRAME = (1920, 1080)


def examine_folders(settings: Settings, frames: Path = FRAMES_FOLDER) -> Iterator[Finding]:
    for key, folder in (("state", settings.state), ("runtime", settings.runtime_folder)):
        yield _private(key, folder)
    if os.path.exists(settings.database):  # not so for a user who may not look; `examine_keys` says that
        yield _private("database", settings.database)
    yield _disk(settings.state)
    yield _shared_memory(frames, list(settings.cameras.values()))


def _private(key: str, path: Path) -> Finding:
    try:
        found = path.stat()
    except FileNotFoundError:
        return Finding("folders", key, "ok", f"{path} will be made when the daemon starts")
    except OSError as error:
        return Finding("folders", key, "fail", f"{path}: {error.strerror}", "Run this as the daemon's user, or as root")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        fix = f"chmod {mode & 0o700:o} {path}"
        return Finding("folders", key, "warn", f"{path} is open to others (mode {mode:o})", fix)
    return Finding("folders", key, "ok", f"{path}, mode {mode:o}")


def _disk(folder: Path) -> Finding:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if os.path.exists(parent))
    free_mb = _free_bytes(existing) / 1e6
    detail = f"{free_mb:,.0f} MB free for the state"
    fix = "Free some space, or lower events.keep_days"
    if free_mb < LEAST_DISK_MB:
        return Finding("folders", "disk", "fail", detail, fix)
    return Finding("folders", "disk", *(("warn", detail, fix) if free_mb < GOOD_DISK_MB else ("ok", detail)))


def _shared_memory(folder: Path, cameras: list[CameraSettings]) -> Finding:
    try:
        free = _free_bytes(folder)
    except OSError as error:
        fix = "Mount a tmpfs there: frames pass through it"
        return Finding("folders", "shared memory", "fail", f"{folder}: {error.strerror}", fix)
    most = sum(SLOTS * slot_bytes(camera.max_width_px, camera.max_height_px) for camera in cameras)
    usual = len(cameras) * SLOTS * slot_bytes(*USUAL_FRAME)
    detail = f"{free / 1e6:,.0f} MB free in {folder}; {len(cameras)} cameras take {usual / 1e6:,.0f} MB at 1080p, "
    detail += f"{most / 1e6:,.0f} MB at the largest size allowed"
    fix = f"Enlarge it (mount -o remount,size=1G {folder}; docker: --shm-size), or use smaller streams"
    if free < min(usual, most):
        return Finding("folders", "shared memory", "fail", detail, fix)
    return Finding("folders", "shared memory", *(("warn", detail, fix) if free < most else ("ok", detail)))


def _free_bytes(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
