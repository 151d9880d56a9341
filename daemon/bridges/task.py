"""What the bridge worker is told."""

import msgspec
from pydantic import TypeAdapter

from config import AnyBridge, Settings
from config.bridges import REVEAL

_bridges: TypeAdapter[AnyBridge] = TypeAdapter(AnyBridge)


class BridgeTask(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """Of the bridge."""
    bridge: str
    """Its settings as JSON, with its secrets: never show it."""
    rules: str
    """The settings of rules and zones as JSON."""
    cameras: tuple[str, ...]
    state: str
    """Folder of the store and of what the bridge keeps."""
    database: str
    stored: str
    """ZeroMQ endpoint of the identity worker, which says what is new."""
    reports: str
    """ZeroMQ endpoint of the supervisor."""
    heartbeat: str

    @classmethod
    def of(cls, settings: Settings, name: str, *, stored: str, reports: str, heartbeat: str) -> "BridgeTask":
        return cls(
            name=name,
            bridge=_bridges.dump_json(settings.bridges[name], context=REVEAL).decode(),
            rules=settings.model_dump_json(include={"rules", "zones"}),
            cameras=tuple(settings.cameras),
            state=str(settings.state),
            database=str(settings.database),
            stored=stored,
            reports=reports,
            heartbeat=heartbeat,
        )

    def bridge_settings(self) -> AnyBridge:
        return _bridges.validate_json(self.bridge)

    def rule_settings(self) -> Settings:
        """Returns settings of which only the rules and zones are the operator's."""
        return Settings.model_validate_json(self.rules)

    def __repr__(self) -> str:
        return f"BridgeTask(name={self.name!r})"
