"""A bridge's parts, from its settings and the state folder."""

from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

from config import AnyBridge, JsonlSettings, MqttSettings, WebhookSettings
from daemon.bridges.dead import DeadLetters
from daemon.bridges.jsonl import JsonlLog
from daemon.bridges.mqtt import Mqtt
from daemon.bridges.position import PositionFile
from daemon.bridges.presence import Presence
from daemon.bridges.transport import Transport
from daemon.bridges.webhook import Webhook
from daemon.store import Store


def make_transport(
    name: str, settings: AnyBridge, cameras: Iterable[str] = (), store: Store | None = None
) -> Transport:
    """Returns the other side, not yet connected.

    Args:
        name: of the bridge.
        settings: of the bridge.
        cameras: names, of which Home Assistant is told.
        store: to begin with who is in sight; None: for a word beside the running bridge, whose place at the other
            side is not taken.

    Raises:
        StoreError: the events cannot be read.
    """
    match settings:
        case MqttSettings():
            if store is None:
                return Mqtt(settings, name, uuid4().hex)
            return Mqtt(settings, name, store.epoch, Presence.load(cameras, store.events))
        case WebhookSettings():
            return Webhook(settings)
        case JsonlSettings():
            return JsonlLog(settings)


def position_file(state: Path, name: str) -> PositionFile:
    return PositionFile(_folder(state) / f"{name}.position")


def dead_letters(state: Path, name: str) -> DeadLetters:
    return DeadLetters(_folder(state) / f"{name}.dead.jsonl")


def destination(settings: AnyBridge) -> str:
    """Returns where a bridge leads, without what may be secret."""
    match settings:
        case MqttSettings():
            return "{}:{}".format(*settings.address)
        case WebhookSettings():
            return settings.url_host
        case JsonlSettings():
            return str(settings.path)


def _folder(state: Path) -> Path:
    return state / "bridges"
