"""Whether pictures can be read, and whether a GPU can decode them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from daemon.doctor.finding import Finding
from daemon.doctor.runtimes import Probed, probe
from daemon.streams.accelerators import ACCELERATORS

WANTED = {"h264": "H.264", "hevc": "H.265", "mjpeg": "MJPEG"}
ACCELERATOR = """
import json, sys
from daemon.streams.accelerators import find_lack
lack = find_lack(sys.argv[1])
print(json.dumps(("no driver", lack) if lack else ("ready", "")))
"""


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
    with ThreadPoolExecutor() as pool:
        probes = pool.map(probe, ([ACCELERATOR, name] for name in ACCELERATORS))
        yield from (judge_accelerator(*found) for found in zip(ACCELERATORS, probes, strict=True))


def judge_accelerator(name: str, probed: Probed) -> Finding:
    """Returns what a probe means: no camera needs a GPU, and one that asks for it is examined itself."""
    if probed.state == "ready":
        return Finding("decoders", name, "ok", f"a GPU can decode: cameras.NAME.hwaccel may be {name}")
    if probed.state == "crashes":
        fix = "Set no camera's hwaccel to it, nor to auto"
        return Finding("decoders", name, "warn", f"crashes: {probed.detail}", fix)
    return Finding("decoders", name, "ok", f"optional; {probed.detail}")


def _can_decode(name: str) -> bool:
    try:
        Codec(name, "r")
    except UnknownCodecError:
        return False
    return True
