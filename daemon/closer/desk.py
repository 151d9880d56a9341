"""Asks the camera workers for closer looks at faces, and holds those faces until the answer is there."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count

import msgspec
import numpy as np
import zmq

from daemon.closer.messages import Offer, Refused, Region, Wanted, decode_answer, encode
from daemon.closer.region import area_around, look_closer
from daemon.events.sockets import bind_private
from daemon.view import Crop
from engine.detectors import Detector

PATIENCE_S = 0.5
"""How long a face is held: the main stream's frame may come a little later, and up to two seconds of it are decoded."""
OFFER_HOLDS_S = 3.0
MOST_HELD = 4
"""Faces of a camera: its worker answers one after the other."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    crop: Crop
    until_s: float


class CloserDesk:
    """Of the vision worker. Whatever happens to a request, the face comes back: looked at more closely, or as it was.

    Args:
        context: the worker's.
        endpoint: where the camera workers answer.
        detector: finds the face in the part of the main stream's frame.
        tally: counts what became of every request.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoint: str,
        detector: Detector,
        tally: Counter[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._detector, self._tally, self._clock = detector, tally, clock
        self._offered_s: dict[str, float] = {}
        self._held: dict[int, Held] = {}
        # What a vision worker that died had asked for may be answered to this one.
        self._numbers = count(time.monotonic_ns())
        self.socket = context.socket(zmq.ROUTER)
        # A camera worker that was started anew takes the place of the one that died.
        self.socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        bind_private(self.socket, endpoint)

    def serves(self, camera: str) -> bool:
        """Whether closer looks at this camera's faces can be asked for now."""
        return self._clock() - self._offered_s.get(camera, -np.inf) < OFFER_HOLDS_S

    def exchange(self, crops: Sequence[Crop]) -> list[Crop]:
        """Takes the faces of a round; returns those that can be embedded now: of this round, and of earlier ones."""
        ready = self._answered() + self._given_up()
        return ready + [crop for crop in crops if not self._hold(crop)]

    def close(self) -> None:
        self.socket.close(linger=0)

    def _hold(self, crop: Crop) -> bool:
        if not (crop.wants_closer and self.serves(crop.camera)):
            return False
        if sum(held.crop.camera == crop.camera for held in self._held.values()) >= MOST_HELD:
            self._tally["busy"] += 1
            return False
        number = next(self._numbers)
        wanted = Wanted(number, crop.captured_ns, area_around(crop.box, crop.frame_size))
        with suppress(zmq.Again):  # then it is given up in time
            self.socket.send_multipart([crop.camera.encode(), encode(wanted)], zmq.NOBLOCK)
        self._held[number] = Held(crop, self._clock() + PATIENCE_S)
        return True

    def _answered(self) -> list[Crop]:
        ready = []
        while self.socket.poll(0):
            sender, *parts = self.socket.recv_multipart()
            try:
                answer = decode_answer(parts[-1])
            except (msgspec.MsgspecError, IndexError):
                continue
            if isinstance(answer, Offer):
                self._offered_s[sender.decode(errors="replace")] = self._clock()
            elif held := self._held.pop(answer.number, None):
                ready.append(self._improved(held.crop, answer))
        return ready

    def _improved(self, crop: Crop, answer: Region | Refused) -> Crop:
        if isinstance(answer, Refused):
            self._tally[answer.reason] += 1
            return crop
        look = look_closer(answer, crop.box, crop.frame_size, self._detector)
        if look is None or look.quality < crop.quality:
            self._tally["no_face" if look is None else "no_better"] += 1
            return crop
        self._tally["used"] += 1
        return replace(crop, pixels=look.pixels, quality=look.quality, fault=look.fault)

    def _given_up(self) -> list[Crop]:
        late = [number for number, held in self._held.items() if self._clock() > held.until_s]
        if late:
            self._tally["late"] += len(late)
        return [self._held.pop(number).crop for number in late]
