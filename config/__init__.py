"""What an operator may set: the settings, their defaults and their loading."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.bridges import AnyBridge, JsonlSettings, MqttSettings, WebhookSettings
    from config.cameras import CameraSettings
    from config.errors import ConfigError, DeconvIDError, Problem
    from config.events import EventSettings, NetworkSettings
    from config.loading import Reading, load_settings, read_settings
    from config.log import LogSettings
    from config.privacy import PrivacySettings
    from config.recognition import DetectionSettings, EmbeddingSettings, IdentitySettings, TrackingSettings
    from config.rules import RuleSettings, WindowSettings, ZoneSettings
    from config.settings import Settings
    from config.snapshots import SnapshotSettings
    from config.strangers import RetentionSettings, StrangerSettings
    from config.web import WebSettings

__all__ = [
    "AnyBridge",
    "CameraSettings",
    "ConfigError",
    "DeconvIDError",
    "DetectionSettings",
    "EmbeddingSettings",
    "EventSettings",
    "IdentitySettings",
    "JsonlSettings",
    "LogSettings",
    "MqttSettings",
    "NetworkSettings",
    "PrivacySettings",
    "Problem",
    "Reading",
    "RetentionSettings",
    "RuleSettings",
    "Settings",
    "SnapshotSettings",
    "StrangerSettings",
    "TrackingSettings",
    "WebSettings",
    "WebhookSettings",
    "WindowSettings",
    "ZoneSettings",
    "load_settings",
    "read_settings",
]

# Imported when they are asked for: the errors alone, as engine/ and training/ take them, need no pydantic.
_HOMES = (
    "errors",
    *("bridges", "cameras", "events", "loading", "log", "privacy", "recognition"),
    *("rules", "settings", "snapshots", "strangers", "web"),
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            if hasattr(module := import_module(f"config.{home}"), name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
