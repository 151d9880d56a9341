"""A video file as the access units that a camera sends (GStreamer; see rtsp_camera.py, which imports it)."""

import queue
import time
from typing import Any, NamedTuple

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401 - GstApp gives appsink its signals

Gst.init(None)

FIND_TIMEOUT_S = 5
LOAD_TIMEOUT_S = 30
CAPS = {"h264": "video/x-h264", "h265": "video/x-h265", "jpeg": "image/jpeg"}
"""GStreamer's name of what it calls a codec's parser and payloader after."""
WHOLE = {codec: f"{CAPS[codec]},stream-format=byte-stream,alignment=au" for codec in ("h264", "h265")}
"""Access units; a JPEG is one in any case."""


class AccessUnit(NamedTuple):
    data: bytes
    pts_ns: int
    dts_ns: int
    is_keyframe: bool


class Clip:
    """A video file as access units, timed from its first."""

    def __init__(self, path: str) -> None:
        self.codec = find_codec(path)
        units = demux(path, self.codec)
        first = units[0].dts_ns
        self.units = [unit._replace(pts_ns=unit.pts_ns - first, dts_ns=unit.dts_ns - first) for unit in units]
        self.frame_ns = int(self.units[-1].dts_ns / max(1, len(units) - 1)) or 40_000_000
        self.length_ns = self.units[-1].dts_ns + self.frame_ns


def whole_caps(codec: str) -> str:
    """Returns the caps of access units, each in a buffer."""
    return WHOLE.get(codec, CAPS[codec])


def find_codec(path: str) -> str:
    """Returns h264, h265 or jpeg. A pipeline that is built for the wrong one stalls without an error, so ask first."""
    pipeline = Gst.parse_launch("filesrc name=file ! parsebin name=parsebin")
    pipeline.get_by_name("file").set_property("location", path)
    names: queue.SimpleQueue[str] = queue.SimpleQueue()

    def on_stream(_parsebin: Any, pad: Any) -> None:
        names.put(pad.query_caps(None).get_structure(0).get_name())

    pipeline.get_by_name("parsebin").connect("pad-added", on_stream)
    pipeline.get_by_name("parsebin").connect("no-more-pads", lambda _parsebin: names.put(""))
    pipeline.set_state(Gst.State.PAUSED)
    try:
        while name := names.get(timeout=FIND_TIMEOUT_S):
            for codec, caps in CAPS.items():
                if name == caps:
                    return codec
    except queue.Empty:
        pass
    finally:
        pipeline.set_state(Gst.State.NULL)
    raise ValueError(f"no H.264, H.265 or MJPEG video in {path}")


def demux(path: str, codec: str) -> list[AccessUnit]:
    parser = "jpegparse" if codec == "jpeg" else f"{codec}parse config-interval=-1"
    pipeline = Gst.parse_launch(
        f"filesrc name=file ! parsebin ! {CAPS[codec]} ! {parser} "
        f"! {whole_caps(codec)} ! appsink name=out sync=false max-buffers=64"
    )
    pipeline.get_by_name("file").set_property("location", path)
    out = pipeline.get_by_name("out")
    pipeline.set_state(Gst.State.PLAYING)
    units: list[AccessUnit] = []
    deadline = time.monotonic() + LOAD_TIMEOUT_S
    try:
        while time.monotonic() < deadline and not out.get_property("eos"):
            sample = out.emit("try-pull-sample", Gst.SECOND // 4)
            if sample:
                buffer = sample.get_buffer()
                dts = buffer.pts if buffer.dts == Gst.CLOCK_TIME_NONE else buffer.dts
                is_keyframe = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
                units.append(AccessUnit(buffer.extract_dup(0, buffer.get_size()), buffer.pts, dts, is_keyframe))
    finally:
        pipeline.set_state(Gst.State.NULL)
    if not units:
        raise ValueError(f"{path} is damaged")
    return units
