"""Whether pictures can be read."""

from collections.abc import Iterator

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from daemon.doctor.finding import Finding

WANTED = {"h264": "H.264", "hevc": "H.265", "mjpeg": "MJPEG"}


def examine_decoders() -> Iterator[Finding]:
    version = ".".join(map(str, av.library_versions.get("libavcodec", ())))
    missing = [shown for name, shown in WANTED.items() if not _can_decode(name)]
    detail = f"PyAV {av.__version__}, libavcodec {version}"
    if missing:
        yield Finding(
            "decoders", "ffmpeg", "fail", f"{detail} without {', '.join(missing)}", "Reinstall `av` from PyPI"
        )
    else:
        yield Finding("decoders", "ffmpeg", "ok", f"{detail}: {', '.join(WANTED.values())}")


def _can_decode(name: str) -> bool:
    try:
        Codec(name, "r")
    except UnknownCodecError:
        return False
    return True
