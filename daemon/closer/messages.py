"""What the vision worker and the camera workers say to each other about closer looks, as msgpack over ZeroMQ ipc.

The vision worker has a ROUTER socket, `closer` in the runtime folder; each camera worker that reads a main stream has a
DEALER whose identity is the camera's name.
"""

from typing import Literal

import msgspec

LARGEST_REGION_BYTES = 4 << 20
"""Of its planes: 1600x1600."""

Refusal = Literal["too_late", "no_frame", "undated", "over_budget", "damaged", "too_large"]


class Offer(msgspec.Struct, frozen=True, tag="offer"):
    """The camera's main stream flows, and closer looks may be asked for; said once a second."""


class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """The vision worker asks for a part of that frame of the main stream which shows what a small frame showed."""

    number: int
    captured_ns: int
    """Of the small frame, as its ring says: its arrival, CLOCK_MONOTONIC."""
    area: tuple[float, float, float, float]
    """x1 y1 x2 y2, shares of the frame's width and height."""


class Region(msgspec.Struct, frozen=True, tag="region"):
    """The part that was wanted, in planes, YUV 4:2:0; answers a Wanted."""

    number: int
    frame_size: tuple[int, int]
    """Width and height of the main stream's frame."""
    origin: tuple[int, int]
    """x and y of the part's upper left pixel in the frame."""
    size: tuple[int, int]
    """Width and height of the part."""
    y: bytes
    u: bytes
    v: bytes
    bt709: bool
    full_range: bool


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """There will be no region; answers a Wanted.

    too_late: the frame did not come in time, or was let go. no_frame: the main stream has a gap there. undated: when
    one of the streams shows what cannot be said to within half a frame, as when it was connected just now.
    over_budget: so much was decoded lately. damaged: it could not be decoded, or its pixels not be read. too_large: the
    part has more bytes than a message may.
    """

    number: int
    reason: Refusal


Answer = Offer | Region | Refused

_encoder = msgspec.msgpack.Encoder()
_wanted_decoder = msgspec.msgpack.Decoder(Wanted)
_answer_decoder: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def encode(message: Wanted | Answer) -> bytes:
    return _encoder.encode(message)


def decode_wanted(data: bytes) -> Wanted:
    return _wanted_decoder.decode(data)


def decode_answer(data: bytes) -> Answer:
    return _answer_decoder.decode(data)
