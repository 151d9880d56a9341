"""`[snapshots]`: whether a picture is kept beside an event."""

from typing import Literal

from pydantic import Field

from config.section import Section


class SnapshotSettings(Section):
    of: Literal["none", "face", "frame"] = "none"
    """What is kept: nothing, the face with some room around it, or the whole frame."""
    whose: Literal["known", "unknown", "all"] = "all"
    """Of whom."""
    draw: bool = False
    """Whether the face's box and the person's name are drawn into it."""
    quality: int = Field(85, ge=30, le=98)
    """Of the JPEG."""
    size_px: int = Field(1280, ge=64, le=3840)
    """Longer side of the picture; larger ones are scaled down."""
    most_per_track: int = Field(5, ge=1, le=100)
    """How many pictures are made while a face passes, each better than the ones before. The best one is kept."""
    keep_days: int = Field(7, ge=1, le=3650)
    keep_megabytes: int = Field(1000, ge=1, le=10_000_000)
    """Both are limits: the oldest pictures are deleted."""
