"""Frames between the camera workers and the vision worker: one shared-memory ring per camera, and its accounting."""

from daemon.frames.accounting import DropReason, FrameCounts, Outcome
from daemon.frames.files import FRAMES_FOLDER, instance_id, remove_rings, ring_path
from daemon.frames.ring import FrameRing, LeasedFrame, StaleFrame
from daemon.frames.slot import FrameTimes

__all__ = [
    "FRAMES_FOLDER",
    "DropReason",
    "FrameCounts",
    "FrameRing",
    "FrameTimes",
    "LeasedFrame",
    "Outcome",
    "StaleFrame",
    "instance_id",
    "remove_rings",
    "ring_path",
]
