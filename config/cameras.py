"""`[cameras.NAME]`: what to read, and how."""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from config.addresses import normalised_address
from config.polygons import Polygons
from config.section import Folder, Section

RTSP = ("rtsp://", "rtsps://")
CAMERA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def _camera_name(name: str) -> str:
    if not CAMERA_NAME.fullmatch(name):
        raise ValueError("a camera's name has 1 to 32 of a-z, 0-9, - and _, and starts with a letter or a digit")
    return name


CameraName = Annotated[str, AfterValidator(_camera_name)]


class CameraSettings(Section):
    enabled: bool = True
    """Whether it is looked at. `deconvid cameras pause` does the same until the daemon is restarted."""
    url: SecretStr
    """`rtsp://host/path`, `rtsps://…`, the path of a video file, or a V4L2 device such as `/dev/video0`.
    `${NAME}` is replaced by the systemd credential or the environment variable of that name."""
    main_url: SecretStr | None = None
    """A second, larger stream of the same RTSP camera, with the same view. Faces are looked for in `url`, and the best
    of them are cut from this one, which is decoded for nothing else: docs/main-stream.md."""
    username: str | None = None
    """User of an RTSP camera, if it is not in the URL."""
    password: SecretStr | None = None
    """Password of that user; `${NAME}` works here too and keeps it out of this file."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How RTP travels. TCP loses nothing on the way; UDP has less delay."""
    tls_authority: Folder | None = None
    """PEM file of who signed the camera's certificate, for `rtsps://`: no other one is spoken to, and the certificate
    must name the camera's host. Unset: any certificate will do, which hides the pictures from listeners on the way, but
    the password from nobody who poses as the camera."""
    hwaccel: Literal["none", "auto", "cuda", "vaapi", "qsv"] = "none"
    """What decodes `url`: `none` is the processor, `cuda`, `vaapi` and `qsv` are ways to use a GPU, and `auto` takes
    the first of them that can be opened. Where none can, the processor decodes, and `deconvid status` says so:
    docs/streams.md."""
    detect_fps: float = Field(5.0, ge=0.1, le=30)
    """Frames per second in which faces are looked for, whatever the camera's own rate."""
    weight: float = Field(1.0, ge=0.1, le=10)
    """Share of the looks where there is not time for all: a camera of weight 2 is looked at twice as often as one of 1,
    up to its `detect_fps`."""
    open_timeout_s: float = Field(10.0, ge=0.5, le=60)
    """Longest wait for the camera to answer."""
    read_timeout_s: float = Field(5.0, ge=0.5, le=60)
    """Longest wait for the next packet; then the camera counts as stalled."""
    max_width_px: int = Field(3840, ge=64, le=8192)
    """Wider frames are refused: the limits bound the shared memory of this camera."""
    max_height_px: int = Field(2160, ge=64, le=8192)
    """Higher frames are refused."""
    privacy_masks: Polygons = ()
    """Parts of the picture that nobody may see: blackened before the picture leaves the camera's worker. Polygons of
    corners [x, y], each 0 (left, top) to 1 (right, bottom)."""
    regions: Polygons = ()
    """Faces count only if their centre lies in one of these polygons, written as those of `privacy_masks`. Empty: they
    count anywhere."""
    motion_gate: bool = False
    """Whether pictures are passed over that look like the one that was analysed last, while no face is followed."""
    motion_sensitivity: float = Field(0.5, ge=0, le=1)
    """Of the motion gate: 0 sees a difference of 32 grey levels, 0.5 one of 8, 1 one of 2."""
    still_look_s: float = Field(2.0, ge=0.2, le=5)
    """Longest time between two looks with the motion gate, whether anything moves or not."""

    @field_validator("url")
    @classmethod
    def _checked(cls, url: SecretStr) -> SecretStr:
        return SecretStr(normalised_address(url.get_secret_value()))

    @field_validator("main_url")
    @classmethod
    def _checked_main(cls, url: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if url is None:
            return None
        url = SecretStr(normalised_address(url.get_secret_value()))
        first = others.data.get("url", url)  # missing if it is faulty itself
        if not all(each.get_secret_value().startswith(RTSP) for each in (url, first)):
            raise ValueError("is for cameras whose both addresses begin with rtsp:// or rtsps://")
        if url == first:
            raise ValueError("is the same stream as url")
        return url

    @field_validator("tls_authority")
    @classmethod
    def _checked_authority(cls, path: Path | None, others: ValidationInfo) -> Path | None:
        urls = [url.get_secret_value() for name in ("url", "main_url") if (url := others.data.get(name))]
        if path and not all(url.startswith("rtsps://") for url in urls):
            raise ValueError("is for cameras whose addresses begin with rtsps://")
        return path

    @property
    def kind(self) -> Literal["rtsp", "file", "device"]:
        value = self.url.get_secret_value()
        if value.startswith(RTSP):
            return "rtsp"
        return "device" if value.startswith("/dev/video") else "file"

    @property
    def address(self) -> str:
        """What to open, with the credentials in it: never log or show this."""
        value = self.url.get_secret_value().removeprefix("file://")
        return self._with_login(value) if self.kind == "rtsp" else value

    @property
    def main_address(self) -> str:
        """As `address`, of the main stream; empty if there is none."""
        return self._with_login(self.main_url.get_secret_value()) if self.main_url else ""

    def _with_login(self, address: str) -> str:
        if not self.username:
            return address
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        password = self.password.get_secret_value() if self.password else ""
        netloc = f"{quote(self.username, safe='')}:{quote(password, safe='')}@{host}"
        return urlunsplit(parts._replace(netloc=netloc))
