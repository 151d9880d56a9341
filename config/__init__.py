"""What an operator may set: the settings, their defaults and their loading."""

from config.errors import ConfigError, DeconvIDError, Problem
from config.loading import Reading, load_settings, read_settings
from config.settings import (
    CameraSettings,
    DetectionSettings,
    EmbeddingSettings,
    EventSettings,
    IdentitySettings,
    Settings,
    TrackingSettings,
)

__all__ = [
    "CameraSettings",
    "ConfigError",
    "DeconvIDError",
    "DetectionSettings",
    "EmbeddingSettings",
    "EventSettings",
    "IdentitySettings",
    "Problem",
    "Reading",
    "Settings",
    "TrackingSettings",
    "load_settings",
    "read_settings",
]
