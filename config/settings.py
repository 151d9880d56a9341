"""Every setting, with its default, its limits and its meaning. Unknown keys are refused."""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from config.addresses import normalised_address

CAMERA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _camera_name(name: str) -> str:
    if not CAMERA_NAME.fullmatch(name):
        raise ValueError("a camera's name has 1 to 32 of a-z, 0-9, - and _, and starts with a letter or a digit")
    return name


def _folder(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("contains a zero byte")
    return path.expanduser()


Folder = Annotated[Path, AfterValidator(_folder)]

CameraName = Annotated[str, AfterValidator(_camera_name)]


class CameraSettings(Section):
    url: SecretStr
    """`rtsp://host/path`, `rtsps://…`, the path of a video file, or a V4L2 device such as `/dev/video0`.
    `${NAME}` is replaced by the systemd credential or the environment variable of that name."""
    username: str | None = None
    """User of an RTSP camera, if it is not in the URL."""
    password: SecretStr | None = None
    """Password of that user; `${NAME}` works here too and keeps it out of this file."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How RTP travels. TCP loses nothing on the way; UDP has less delay."""
    detect_fps: float = Field(5.0, ge=0.1, le=30)
    """Frames per second in which faces are looked for, whatever the camera's own rate."""
    open_timeout_s: float = Field(10.0, ge=0.5, le=60)
    """Longest wait for the camera to answer."""
    read_timeout_s: float = Field(5.0, ge=0.5, le=60)
    """Longest wait for the next packet; then the camera counts as stalled."""
    max_width_px: int = Field(3840, ge=64, le=8192)
    max_height_px: int = Field(2160, ge=64, le=8192)
    """Larger frames are refused: they bound the shared memory of this camera."""

    @field_validator("url")
    @classmethod
    def _checked(cls, url: SecretStr) -> SecretStr:
        return SecretStr(normalised_address(url.get_secret_value()))

    @property
    def kind(self) -> Literal["rtsp", "file", "device"]:
        value = self.url.get_secret_value()
        if value.startswith(("rtsp://", "rtsps://")):
            return "rtsp"
        return "device" if value.startswith("/dev/video") else "file"

    @property
    def address(self) -> str:
        """What to open, with the credentials in it: never log or show this."""
        value = self.url.get_secret_value().removeprefix("file://")
        if self.kind != "rtsp" or not self.username:
            return value
        parts = urlsplit(value)
        host = parts.netloc.rpartition("@")[2]
        password = self.password.get_secret_value() if self.password else ""
        netloc = f"{quote(self.username, safe='')}:{quote(password, safe='')}@{host}"
        return urlunsplit(parts._replace(netloc=netloc))


class DetectionSettings(Section):
    model: str = "centerface"
    """Name of a detector's manifest; `deconvid models list` shows them."""
    size_px: int = Field(640, ge=96, le=1920)
    """Longer side of the picture in which faces are looked for. Smaller is faster and misses small faces."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """Least detector score of a face."""
    smallest_face_px: int = Field(20, ge=8)
    """Faces with a smaller box, measured in the camera's own pixels, are not recognised."""


class EmbeddingSettings(Section):
    model: str = "deconv_v0"
    """Name of an embedder's manifest."""
    runtime: Literal["auto", "openvino", "onnxruntime"] = "auto"
    """What executes the networks; auto takes OpenVINO where it loads, else ONNX Runtime."""
    threads: int = Field(0, ge=0, le=256)
    """Threads of the networks; 0 = one less than the cores, at least one (cameras decode on the rest)."""


class TrackingSettings(Section):
    lost_after_s: float = Field(2.0, gt=0, le=60)
    """A face that was not seen for this long has left."""
    refresh_s: float = Field(1.0, gt=0, le=3600)
    """A tracked face is embedded again after this long, or as soon as it is seen clearly better."""
    least_quality: float = Field(0.25, ge=0, le=1)
    """Crops below this quality (size, sharpness, pose, detector score) are not embedded."""


class IdentitySettings(Section):
    threshold: float | None = Field(None, gt=-1, lt=1)
    """Least cosine of a match. Unset: the embedder's manifest says which one holds its false matches at 1 in 10,000
    comparisons with strangers."""
    margin: float = Field(0.05, ge=0, lt=1)
    """How far the best person must be ahead of the second best."""
    hysteresis: float = Field(0.05, ge=0, lt=1)
    """How far below the threshold an identified track may fall before its identity is withdrawn."""
    least_observations: int = Field(2, ge=1, le=100)
    """Embeddings of a track before anything is said about it."""


class EventSettings(Section):
    publish: str | None = Field(None, pattern=r"^(ipc:///.+|tcp://.+:[0-9]+)$")
    """ZeroMQ endpoint of the event bus, `ipc:///path` or `tcp://address:port`; unset: `events` in the runtime folder.
    Nothing encrypts TCP yet: keep it on 127.0.0.1."""
    keep_days: int | None = Field(30, ge=1)
    """Events older than this are deleted from the store, which otherwise tells for ever who was where. None: kept."""


class Settings(Section):
    state: Folder = Path("/var/lib/deconvid")
    """Folder of the identity store. One daemon per folder. A relative path starts where the command is run."""
    runtime: Folder | None = None
    """Folder of sockets; unset: `run` inside the state folder."""
    models: tuple[Folder, ...] = ()
    """Further folders with model manifests."""
    cameras: dict[CameraName, CameraSettings] = Field(default_factory=dict)
    detection: DetectionSettings = DetectionSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    tracking: TrackingSettings = TrackingSettings()
    identity: IdentitySettings = IdentitySettings()
    events: EventSettings = EventSettings()

    @property
    def runtime_folder(self) -> Path:
        return self.runtime or self.state / "run"

    @property
    def events_endpoint(self) -> str:
        return self.events.publish or f"ipc://{self.runtime_folder}/events"

    @property
    def database(self) -> Path:
        return self.state / "identities.sqlite"
