"""Every setting, with its default, its limits and its meaning. Unknown keys are refused."""

from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from config.bridges import AnyBridge, OptionalSecret
from config.cameras import CameraName, CameraSettings
from config.events import EventSettings
from config.limits import LimitSettings
from config.log import LogSettings
from config.privacy import PrivacySettings
from config.recognition import DetectionSettings, EmbeddingSettings, IdentitySettings, TrackingSettings
from config.rules import Name, RuleSettings, ZoneSettings
from config.section import Folder, Section
from config.snapshots import SnapshotSettings
from config.strangers import RetentionSettings, StrangerSettings
from config.web import WebSettings

POSTGRES = "postgresql+psycopg://"


class Settings(Section):
    state: Folder = Path("/var/lib/deconvid")
    """Folder of the identity store. One daemon per folder. A relative path starts where the command is run."""
    runtime: Folder | None = None
    """Folder of sockets; unset: `run` inside the state folder."""
    database_url: OptionalSecret = None
    """`postgresql+psycopg://USER:${PASSWORD}@HOST/NAME`: the store is in that database, which needs the extra
    `deconvid[postgres]`. Unset: in an SQLite file in the state folder. Key ring and pictures are always there."""
    models: tuple[Folder, ...] = ()
    """Further folders with model manifests."""
    cameras: dict[CameraName, CameraSettings] = Field(default_factory=dict)
    detection: DetectionSettings = DetectionSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    tracking: TrackingSettings = TrackingSettings()
    identity: IdentitySettings = IdentitySettings()
    events: EventSettings = EventSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()
    limits: LimitSettings = LimitSettings()
    snapshots: SnapshotSettings = SnapshotSettings()
    privacy: PrivacySettings = PrivacySettings()
    strangers: StrangerSettings = StrangerSettings()
    retention: RetentionSettings = RetentionSettings()
    zones: dict[Name, ZoneSettings] = Field(default_factory=dict)
    rules: dict[Name, RuleSettings] = Field(default_factory=dict)
    bridges: dict[Name, AnyBridge] = Field(default_factory=dict)

    @field_validator("embedding")
    @classmethod
    def _has_precision(cls, embedding: EmbeddingSettings, others: ValidationInfo) -> EmbeddingSettings:
        wanted = {embedding.precision, others.data.get("detection", DetectionSettings()).precision}
        if embedding.runtime == "onnxruntime" and "bf16" in wanted:
            raise ValueError('runtime is onnxruntime, which has no bf16: write runtime = "auto", or precision = "f32"')
        return embedding

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(POSTGRES):
            raise ValueError(f"does not begin with {POSTGRES}")
        return url

    @property
    def runtime_folder(self) -> Path:
        return self.runtime or self.state / "run"

    @property
    def events_endpoint(self) -> str:
        """Where programs on this machine listen."""
        return f"ipc://{self.runtime_folder}/events"

    @property
    def requests_endpoint(self) -> str:
        """Where programs on this machine ask."""
        return f"ipc://{self.runtime_folder}/requests"

    @property
    def control_endpoint(self) -> str:
        """Where the supervisor takes commands."""
        return f"ipc://{self.runtime_folder}/control"

    @property
    def bus_cursor(self) -> Path:
        """File that says how far the event bus has told."""
        return self.state / "bus.cursor"

    @property
    def runtime_calibrations(self) -> Path:
        """File that says which runtime executes a network faster on this machine."""
        return self.state / "runtimes.json"

    @property
    def plans_folder(self) -> Path:
        """Of networks that TensorRT compiled for this machine's GPU."""
        return self.state / "plans"

    @property
    def keys_folder(self) -> Path:
        """Of the server's key pair and of the clients who may listen over TCP."""
        return self.state / "keys"

    @property
    def database(self) -> Path:
        """The SQLite file, unless there is a `store_url`."""
        return self.state / "identities.sqlite"

    @property
    def store_url(self) -> str | None:
        """Of the PostgreSQL database that holds the store in place of the file; with its password: never show it."""
        return self.database_url.get_secret_value() if self.database_url else None
