"""What an operator may set: the settings, their defaults and their loading."""

from config.cameras import CameraSettings
from config.errors import ConfigError, DeconvIDError, Problem
from config.events import EventSettings
from config.loading import Reading, load_settings, read_settings
from config.recognition import DetectionSettings, EmbeddingSettings, IdentitySettings, TrackingSettings
from config.settings import Settings

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
