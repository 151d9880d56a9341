"""Answers the vision worker's requests for parts of the main stream's frames; in the camera worker."""

import threading
import time
from collections import Counter, deque
from contextlib import suppress
from types import TracebackType
from typing import Self

import av
import msgspec
import zmq

from daemon.closer.main_stream import MainStream, RefusedError
from daemon.closer.messages import LARGEST_REGION_BYTES, Answer, Offer, Refused, Region, Wanted, decode_wanted, encode
from daemon.streams.pictures import Picture, to_picture
from daemon.streams.privacy import PrivacyMasks
from daemon.workers.task import CameraTask

OFFER_S = 1.0
POLL_MS = 100
REMEMBERED = 90
"""Small frames that may still be asked for: three seconds at 30 frames per second."""


class Lender:
    """A thread with a DEALER socket; a context manager that ends it.

    Args:
        context: the worker's.
        task: of the camera, with the address of its small stream.
        main: its main stream.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", task: CameraTask, main: MainStream) -> None:
        self._counts: Counter[str] = Counter()
        """Of all requests: those that brought a region, and the others by the reason of their refusal."""
        self._context, self._task, self._main = context, task, main
        self._masks = PrivacyMasks(task.privacy_masks)
        self._seen: deque[tuple[int, int | None]] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"lender {task.name}")

    def remember(self, captured_ns: int, dated_ns: int | None) -> None:
        """For the thread of the small stream: a frame of it went out that may be asked for.

        Args:
            captured_ns: as its ring says.
            dated_ns: as its stream's clock says.
        """
        with self._lock:
            self._seen.append((captured_ns, dated_ns))

    def figures(self) -> tuple[dict[str, int], dict[str, float], str]:
        """Returns counters and gauges for the worker's report, and what ails the main stream; empty if nothing does."""
        counters = {f"closer.{what}": n for what, n in self._counts.copy().items()}
        counters |= {"main_packets": self._main.packets, "main_decoded": self._main.decoded}
        state = self._main.state
        ill = "" if state.state in ("connecting", "streaming") else f"main stream: {state.detail}"
        gauges = {"main_held_bytes": float(self._main.held_bytes), "main_streams": float(state.state == "streaming")}
        return counters, gauges, ill

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _serve(self) -> None:
        offer_s = time.monotonic()
        with self._context.socket(zmq.DEALER) as socket:
            socket.setsockopt(zmq.IDENTITY, self._task.name.encode())
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(self._task.closer)
            while not self._ended.is_set():
                if self._main.state.state == "streaming" and time.monotonic() >= offer_s:
                    offer_s = time.monotonic() + OFFER_S
                    _send(socket, Offer())
                if socket.poll(POLL_MS):
                    with suppress(msgspec.MsgspecError):
                        _send(socket, self._answer(decode_wanted(socket.recv())))

    def _answer(self, wanted: Wanted) -> Answer:
        try:
            answer: Answer = self._lend(wanted)
            self._counts["lent"] += 1
        except RefusedError as error:
            answer = Refused(wanted.number, error.reason)
            self._counts[error.reason] += 1
        return answer

    def _lend(self, wanted: Wanted) -> Region:
        with self._lock:
            dated = dict(self._seen)
        if wanted.captured_ns not in dated:
            raise RefusedError("too_late")
        dated_ns = dated[wanted.captured_ns]
        # If the newest one is not, the clock has lost its footing, and what it said before may be wrong.
        if dated_ns is None or next(reversed(dated.values())) is None:
            raise RefusedError("undated")
        frame = self._main.frame_at(dated_ns)
        try:
            picture = to_picture(frame)
        except (av.FFmpegError, ValueError):  # its pixels are of a kind that cannot be converted
            raise RefusedError("damaged") from None
        return cut(self._masks.hide(picture), wanted)


def cut(picture: Picture, wanted: Wanted) -> Region:
    """Returns the wanted part, at least what is of it in the picture, begun at an even pixel as chroma is halved.

    Raises:
        RefusedError: too_large; or no_frame, if nothing of it is in the picture.
    """
    height, width = picture.planes[0].shape
    x1, y1, x2, y2 = wanted.area
    left, top = max(0, int(x1 * width)) & ~1, max(0, int(y1 * height)) & ~1
    right, bottom = min(width, int(x2 * width) + 1), min(height, int(y2 * height) + 1)
    if left >= right or top >= bottom:
        raise RefusedError("no_frame")
    if (right - left) * (bottom - top) * 3 // 2 > LARGEST_REGION_BYTES:
        raise RefusedError("too_large")
    chroma = slice(top // 2, (bottom + 1) // 2), slice(left // 2, (right + 1) // 2)
    y, u, v = picture.planes
    return Region(
        number=wanted.number,
        frame_size=(width, height),
        origin=(left, top),
        size=(right - left, bottom - top),
        y=y[top:bottom, left:right].tobytes(),
        u=u[chroma].tobytes(),
        v=v[chroma].tobytes(),
        bt709=picture.bt709,
        full_range=picture.full_range,
    )


def _send(socket: "zmq.Socket[bytes]", answer: Answer) -> None:
    # Full only while the vision worker is away: its requests are then forgotten, too.
    with suppress(zmq.Again):
        socket.send(encode(answer), zmq.NOBLOCK)
