"""What the bridge worker is told: no more than it uses, for it is started anew when any of this differs."""

import msgspec
from pydantic import TypeAdapter

from config import AnyBridge, MqttSettings, Settings
from config.bridges import REVEAL

_bridges: TypeAdapter[AnyBridge] = TypeAdapter(AnyBridge)


class BridgeTask(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """Of the bridge."""
    bridge: str
    """Its settings as JSON, with its secrets: never show it."""
    rules: str
    """The settings of the rules that the bridge names, and of their zones, as JSON."""
    cameras: tuple[str, ...]
    """Of which Home Assistant is told; empty if it is not."""
    state: str
    """Folder of the store and of what the bridge keeps."""
    database: str
    database_url: str | None = None
    """Of PostgreSQL, with its password: never show it."""
    stored: str
    """ZeroMQ endpoint of the identity worker, which says what is new."""
    reports: str
    """ZeroMQ endpoint of the supervisor."""
    heartbeat: str

    @classmethod
    def of(cls, settings: Settings, name: str, *, stored: str, reports: str, heartbeat: str) -> "BridgeTask":
        bridge = settings.bridges[name]
        rules = {rule: settings.rules[rule] for rule in bridge.rules}
        zones = {zone: settings.zones[zone] for rule in rules.values() for zone in rule.zones}
        discovers = isinstance(bridge, MqttSettings) and bridge.discovery
        return cls(
            name=name,
            bridge=_bridges.dump_json(bridge, context=REVEAL).decode(),
            rules=Settings(rules=rules, zones=zones).model_dump_json(include={"rules", "zones"}),
            cameras=tuple(settings.cameras) if discovers else (),
            state=str(settings.state),
            database=str(settings.database),
            database_url=settings.store_url,
            stored=stored,
            reports=reports,
            heartbeat=heartbeat,
        )

    def bridge_settings(self) -> AnyBridge:
        return _bridges.validate_json(self.bridge)

    def rule_settings(self) -> Settings:
        """Returns settings of which only these rules and zones are the operator's."""
        return Settings.model_validate_json(self.rules)

    def __repr__(self) -> str:
        return f"BridgeTask(name={self.name!r})"
