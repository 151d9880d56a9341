#!/usr/bin/python3
"""A camera on loopback that speaks real RTSP, for the demo and the tests (GStreamer's RTSP server).

    /usr/bin/python3 rtsp_camera.py --port 0 --mount cam1=clip.mp4 --mount cam2=h265.mp4 [--user u --password p]

Runs under the system's Python, which has the GObject bindings (packages: scripts/camera-packages.txt), and imports
nothing of this project but the file beside it. A thread pushes each clip's access units for ever with continuous
timestamps, like a live encoder. A mount begins with its clip's first picture when somebody watches; with `--one-lens`
all clips run from the camera's start on, as streams of one scene, and a mount begins with the keyframe that comes next.
`--port 0` picks a free port. The first line on stdout is `ready PORT`. Commands are
read from standard input, one a line, each answered by `ok` or `error ...`; its end ends the camera:

    switch cam1 PATH           go on with another clip at its first keyframe; if its codec is another one, end all
                               connections, like a camera that was set anew
    corrupt cam1 RATE          damage this share of the access units (0 = off)
    drop cam1 RATE             leave out this share of the access units (0 = off)
    jump cam1 SECONDS          add to the timestamps from now on
    pause cam1 / resume cam1   stop sending, keep the connection open
    eos cam1                   end the stream (RTCP BYE)
    kick                       close every client's connection
    count                      number of connected clients
    quit

Faults from outside: SIGKILL (the camera is gone), SIGSTOP and SIGCONT (it hangs, TCP stays open; start it in a session
of its own, or the kernel continues it when its parent ends).
"""

import argparse
import random
import sys
import threading
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402
from rtsp_clip import Clip, whole_caps  # noqa: E402 - beside this script, outside of any package

Gst.init(None)

DAY_NS = 86_400_000_000_000
FIRST_OFFSET_NS = DAY_NS
"""Timestamps start here, so that they may also jump back."""
TRANSPORTS = {
    "tcp": GstRtsp.RTSPLowerTrans.TCP,
    "udp": GstRtsp.RTSPLowerTrans.UDP,
    "both": GstRtsp.RTSPLowerTrans.TCP | GstRtsp.RTSPLowerTrans.UDP,
}


class Mount:
    """One stream of the camera, shared by all who watch it, with its faults."""

    def __init__(self, name: str, clip: Clip, seed: int) -> None:
        self.name, self.clip = name, clip
        self.wanted = clip
        self.corrupt = self.drop = 0.0
        self.offset_ns = FIRST_OFFSET_NS
        self.sending = threading.Event()
        self.sending.set()
        self.sources: list[Any] = []
        self.lens_ns: int | None = None
        """When the camera's one lens opened, CLOCK_MONOTONIC; None: the clip begins when somebody watches."""
        self._random = random.Random(seed)

    def factory(self, transport: str) -> Any:
        factory = GstRtspServer.RTSPMediaFactory()
        codec = self.clip.codec
        # config-interval=0: the clip's keyframes carry their parameter sets; the payloader would put them once more
        # before each slice, and a decoder takes that for a new, damaged picture.
        pay = f"rtp{codec}pay name=pay0 pt=96 config-interval=0"
        if codec == "jpeg":
            pay = "jpegparse ! rtpjpegpay name=pay0 pt=26"
        factory.set_launch(
            "( appsrc name=src is-live=true format=time block=true max-bytes=4000000 "
            f"caps={whole_caps(codec)} ! {pay} mtu=1400 )"
        )
        factory.set_shared(True)
        factory.set_latency(0)
        factory.set_protocols(TRANSPORTS[transport])
        factory.connect("media-configure", self._on_configure)
        return factory

    def _on_configure(self, _factory: Any, media: Any) -> None:
        source = media.get_element().get_by_name("src")
        pad = media.get_element().get_by_name("pay0").get_static_pad("src")
        stop = threading.Event()
        media.connect("unprepared", lambda _media: stop.set())
        self.sources.append(source)
        threading.Thread(target=self._push, args=(source, pad, stop), daemon=True).start()

    def _push(self, source: Any, pad: Any, stop: threading.Event) -> None:
        clip, start_ns = self.clip, time.monotonic_ns()
        base_ns = index = 0
        if self.lens_ns is not None:
            index, start_ns = self._join_lens(clip, start_ns - self.lens_ns)
            base_ns = -clip.units[index].dts_ns
        offset_ns = None
        while not stop.is_set():
            at_end = index == len(clip.units)
            if at_end or self.wanted is not clip:
                base_ns += clip.length_ns if at_end else clip.units[index].dts_ns
                clip, index = self.wanted, 0
            unit = clip.units[index]
            index += 1
            wait_s = (start_ns + base_ns + unit.dts_ns - time.monotonic_ns()) / 1e9
            if wait_s > 0:
                time.sleep(wait_s)
            elif wait_s < -1:  # we were stopped: a live camera does not catch up
                start_ns -= int(wait_s * 1e9)
            if not self.sending.is_set() or self._random.random() < self.drop:
                continue
            if offset_ns != self.offset_ns:
                # RTP timestamps jump. The sinks wait for their clock, so it must not see it: the payloader's pad takes
                # the jump back, once everything before it has left.
                while offset_ns is not None and source.get_property("current-level-bytes") and not stop.is_set():
                    time.sleep(0.001)
                offset_ns = self.offset_ns
                pad.set_offset(-offset_ns)
            data = self._damage(unit.data) if self._random.random() < self.corrupt else unit.data
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.pts, buffer.dts = base_ns + unit.pts_ns + offset_ns, base_ns + unit.dts_ns + offset_ns
            buffer.duration = clip.frame_ns
            if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                break
        self.sources.remove(source)

    def _join_lens(self, clip: Clip, shown_ns: int) -> tuple[int, int]:
        """Returns the unit to begin with, and when it is due, CLOCK_MONOTONIC."""
        assert self.lens_ns is not None
        loops, at_ns = divmod(shown_ns, clip.length_ns)
        due = [(i, unit.dts_ns) for i, unit in enumerate(clip.units) if unit.is_keyframe and unit.dts_ns >= at_ns]
        index, due_ns = due[0] if due else (0, clip.length_ns)
        return index, self.lens_ns + loops * clip.length_ns + due_ns

    def _damage(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        for _ in range(max(4, len(damaged) // 400)):
            place = self._random.randrange(min(64, len(damaged) // 2), len(damaged))
            damaged[place] = self._random.randrange(256)
        return bytes(damaged)


class Camera:
    """The RTSP server with its mounts, and the commands that change them."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.loop = GLib.MainLoop()
        self.mounts: dict[str, Mount] = {}
        self._transport = arguments.transport
        self._server = GstRtspServer.RTSPServer()
        self._server.set_address("127.0.0.1")
        self._server.set_service(str(arguments.port))
        if arguments.user:
            self._demand_login(arguments.user, arguments.password, arguments.auth)
        lens_ns = time.monotonic_ns() if arguments.one_lens else None
        for seed, mount in enumerate(arguments.mount):
            name, path = mount.split("=", 1)
            mounted = Mount(name, Clip(path), seed)
            mounted.lens_ns = lens_ns
            self._add_mount(mounted)
        if not self._server.attach(None):
            sys.exit(f"cannot listen on 127.0.0.1:{arguments.port}")
        # Ends the sessions of clients that went away without a TEARDOWN.
        GLib.timeout_add_seconds(2, lambda: (self._server.get_session_pool().cleanup(), True)[1])

    @property
    def port(self) -> int:
        return int(self._server.get_bound_port())

    def _demand_login(self, user: str, password: str, method: str) -> None:
        auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if method == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(user, password, token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        self._server.set_auth(auth)

    def _add_mount(self, mount: Mount) -> None:
        factory = mount.factory(self._transport)
        if self._server.get_auth():
            permissions = GstRtspServer.RTSPPermissions()
            for right in ("media.factory.access", "media.factory.construct"):
                permissions.add_permission_for_role("viewer", right, True)
            factory.set_permissions(permissions)
        self._server.get_mount_points().add_factory(f"/{mount.name}", factory)
        self.mounts[mount.name] = mount

    def obey(self, line: str) -> str:
        word, *arguments = line.split(None, 2)
        if word == "quit":
            self.loop.quit()
        elif word == "count":
            return str(len(self._server.client_filter(None, None) or []))
        elif word == "kick":
            self._kick()
        elif word == "switch":
            self._switch(self.mounts[arguments[0]], Clip(arguments[1]))
        else:
            change_mount(self.mounts[arguments[0]], word, *arguments[1:])
        return "ok"

    def _kick(self) -> None:
        self._server.client_filter(lambda *_: GstRtspServer.RTSPFilterResult.REMOVE, None)

    def _switch(self, mount: Mount, clip: Clip) -> None:
        is_other = clip.codec != mount.clip.codec
        mount.wanted = clip
        if is_other:
            mount.clip = clip
            self._add_mount(mount)
            self._kick()

    def read_commands(self) -> None:
        def answer(line: str) -> bool:
            try:
                print(self.obey(line), flush=True)
            except Exception as error:
                print(f"error {error!r}", flush=True)
            return False

        for line in sys.stdin:
            if line.strip():
                GLib.idle_add(answer, line.strip())
        GLib.idle_add(self.loop.quit)


def change_mount(mount: Mount, word: str, argument: str = "") -> None:
    if word in ("corrupt", "drop"):
        setattr(mount, word, float(argument))
    elif word == "jump":
        mount.offset_ns += int(float(argument) * 1e9)
    elif word == "pause":
        mount.sending.clear()
    elif word == "resume":
        mount.sending.set()
    elif word == "eos":
        for source in list(mount.sources):
            source.emit("end-of-stream")
    else:
        raise ValueError(f"unknown command {word}")


def main() -> None:
    parser = argparse.ArgumentParser(description="A camera on loopback that speaks real RTSP")
    parser.add_argument("--port", type=int, default=8554)
    parser.add_argument("--mount", action="append", required=True, metavar="NAME=FILE")
    parser.add_argument("--one-lens", action="store_true")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--auth", choices=["basic", "digest"], default="digest")
    parser.add_argument("--transport", choices=["tcp", "udp", "both"], default="both")
    camera = Camera(parser.parse_args())
    threading.Thread(target=camera.read_commands, daemon=True).start()
    print("ready", camera.port, flush=True)
    camera.loop.run()


if __name__ == "__main__":
    main()
