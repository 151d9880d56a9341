"""What an operator may set: the settings, their defaults and their loading."""

from config.cameras import CameraSettings
from config.errors import ConfigError, DeconvIDError, Problem
from config.events import EventSettings, NetworkSettings
from config.loading import Reading, load_settings, read_settings
from config.log import LogSettings
from config.recognition import DetectionSettings, EmbeddingSettings, IdentitySettings, TrackingSettings
from config.settings import Settings
from config.web import WebSettings

__all__ = [
    "CameraSettings",
    "ConfigError",
    "DeconvIDError",
    "DetectionSettings",
    "EmbeddingSettings",
    "EventSettings",
    "IdentitySettings",
    "LogSettings",
    "NetworkSettings",
    "Problem",
    "Reading",
    "Settings",
    "TrackingSettings",
    "WebSettings",
    "load_settings",
    "read_settings",
]
