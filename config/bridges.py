"""`[bridges.NAME]`: where events go besides the bus."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainSerializer, SecretStr, SerializationInfo, field_validator

from config.rules import Name
from config.section import Folder, Section

REVEAL = {"secrets": "reveal"}
"""Context for `model_dump_json` that writes secrets out: for a worker's standard input, nowhere else."""

LEAST_SECRET = 16


def is_placeholder(secret: SecretStr) -> bool:
    """Whether it still says `${NAME}`: commands of an operator's shell read the settings without the secrets."""
    return "${" in secret.get_secret_value()


def _dumped(secret: SecretStr | None, info: SerializationInfo[Any]) -> str | None:
    if secret is None:
        return None
    return secret.get_secret_value() if info.context == REVEAL else str(secret)


Secret = Annotated[SecretStr, PlainSerializer(_dumped, return_type=str, when_used="json")]
OptionalSecret = Annotated[SecretStr | None, PlainSerializer(_dumped, return_type=str | None, when_used="json")]


class BridgeSettings(Section):
    rules: tuple[Name, ...] = ()
    """What passes any of these rules is delivered; empty: every event."""
    backlog: Literal["skip", "deliver"] = "skip"
    """What a new bridge does with events from before it: nothing, or deliver all that the store still has."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in a log."""
        return ()


class MqttSettings(BridgeSettings):
    kind: Literal["mqtt"]
    host: str = Field(min_length=1, max_length=253)
    port: int | None = Field(None, ge=1, le=65535)
    """Unset: 1883, or 8883 with TLS."""
    tls: bool = False
    ca_file: Folder | None = None
    """Who signed the broker's certificate; unset: those whom the system trusts."""
    username: str | None = None
    password: OptionalSecret = None
    """`${NAME}` takes it from a systemd credential or the environment."""
    prefix: str = Field("deconvid", pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", max_length=100)
    """Of every topic: `deconvid/face/identified/door`."""
    discovery: bool = True
    """Whether Home Assistant finds the cameras by itself. Its sensors show everybody, whatever the rules say."""
    discovery_prefix: str = Field("homeassistant", pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", max_length=100)
    timeout_s: float = Field(10.0, ge=0.5, le=120)
    """Longest wait for the broker's answer."""

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port or (8883 if self.tls else 1883)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.password.get_secret_value(),) if self.password else ()


class WebhookSettings(BridgeSettings):
    kind: Literal["webhook"]
    url: Secret
    """`https://…` or `http://…`; secret because many have a token in them."""
    secret: OptionalSecret = None
    """Key of the signature; at least 16 characters. Without it nobody can tell that a message is ours."""
    ca_file: Folder | None = None
    timeout_s: float = Field(10.0, ge=0.5, le=120)
    """Longest time that one delivery may take in all."""
    give_up_after_s: float = Field(86400.0, ge=60, le=30 * 86400)
    """Age at which an event that cannot be delivered is put aside; `deconvid bridges dead` shows it."""

    @property
    def url_host(self) -> str:
        """What of the address may be shown."""
        return urlsplit(self.url.get_secret_value()).hostname or "${…}"

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(secret.get_secret_value() for secret in (self.url, self.secret) if secret)

    @field_validator("url")
    @classmethod
    def _checked(cls, url: SecretStr) -> SecretStr:
        if is_placeholder(url):
            return url
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is no address that starts with https:// or http://")
        if parts.username is not None:
            raise ValueError("has a user in it; put the token into the path or query, or check the signature")
        try:
            _ = parts.port
        except ValueError:
            raise ValueError("has a port that is no number from 0 to 65535") from None
        return url

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not is_placeholder(secret) and len(secret.get_secret_value()) < LEAST_SECRET:
            raise ValueError(f"is shorter than {LEAST_SECRET} characters")
        return secret


class JsonlSettings(BridgeSettings):
    kind: Literal["jsonl"]
    path: Folder
    """The file; its folder must exist. One JSON object a line, each event once."""
    rotate_megabytes: float = Field(64.0, ge=0.01, le=10_000)
    """A file that has reached this becomes `path.1`, that one `path.2`, and so on."""
    keep_files: int = Field(5, ge=1, le=1000)
    """How many rotated files are kept."""


AnyBridge = Annotated[MqttSettings | WebhookSettings | JsonlSettings, Field(discriminator="kind")]
