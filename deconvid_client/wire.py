"""Bytes <-> what they mean: events, beats, requests and their answers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deconvid_client.errors import BusError, RefusedError, UnreadableError
from deconvid_client.event import Cursor, Event, Filter

ALIVE: Final = b"bus.alive"
"""Topic of the beat that the bus sends once a second; it is no event."""

LARGEST_FRAME = 64 * 1024
"""Bytes; a longer one closes the connection before memory is taken for it."""

PAGE = 1000
"""Most events in one answer."""


@dataclass(frozen=True, slots=True)
class Page:
    """The daemon's answer to a replay request."""

    epoch: str
    oldest: int
    """Sequence of the oldest event that is kept."""
    newest: int
    through: int
    """The page is complete up to this sequence: what is not in it was deleted, or was not asked for."""
    more: bool
    """Whether there are further ones after `through`."""
    events: tuple[Event, ...]


def decode(payload: bytes) -> dict[str, Any]:
    """Reads JSON or MessagePack.

    Raises:
        UnreadableError: it is neither, or no object.
        BusError: it is MessagePack, and the package msgpack is missing.
    """
    try:
        data = json.loads(payload) if payload[:1] == b"{" else _unpack(payload)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"bytes that are neither JSON nor MessagePack: {error}") from None
    if not isinstance(data, dict):
        raise UnreadableError("bytes that hold no object")
    return data


def _unpack(payload: bytes) -> Any:
    try:
        import msgpack
    except ImportError:
        raise BusError("the daemon sends MessagePack. Install the package msgpack, or set its events to json") from None
    return msgpack.unpackb(payload)


def decode_event(payload: bytes) -> Event:
    """Raises UnreadableError, BusError: see `decode`."""
    return Event.of(decode(payload))


def decode_beat(payload: bytes) -> Cursor:
    """Returns the newest event's place. Raises UnreadableError: it is no beat."""
    data = decode(payload)
    try:
        return Cursor(str(data["epoch"]), int(data["newest"]))
    except (KeyError, TypeError, ValueError):
        raise UnreadableError("a beat without epoch and newest") from None


def encode_request(number: int, request: Mapping[str, Any]) -> list[bytes]:
    return [str(number).encode(), json.dumps(request).encode()]


def replay_request(after: Cursor, limit: int = PAGE, wanted: Filter | None = None) -> dict[str, Any]:
    request: dict[str, Any] = {"ask": "replay", "epoch": after.epoch, "after": after.sequence, "limit": limit}
    if wanted is not None:
        request |= {"kinds": list(wanted.kinds), "cameras": list(wanted.cameras)}
    return request


def decode_answer(frames: Sequence[bytes]) -> tuple[dict[str, Any], Sequence[bytes]]:
    """Returns an answer's header and its events' payloads.

    Args:
        frames: without the request's number.

    Raises:
        RefusedError: the daemon says no.
        UnreadableError: it is no answer.
    """
    header = decode(frames[0]) if frames else {}
    if header.get("ok") is True:
        return header, frames[1:]
    if header.get("ok") is False:
        raise RefusedError(f"{header.get('error', 'refused')}. {header.get('fix', '')}".strip())
    raise UnreadableError("an answer without ok. Daemon and client differ: update the older")


def decode_page(header: Mapping[str, Any], events: Iterable[Event]) -> Page:
    """Raises UnreadableError: it is no answer to a replay request."""
    try:
        numbers = {name: int(header[name] or 0) for name in ("oldest", "newest", "through")}
        return Page(epoch=str(header["epoch"]), **numbers, more=bool(header["more"]), events=tuple(events))
    except (KeyError, TypeError, ValueError):
        raise UnreadableError("a page without its numbers. Daemon and client differ: update the older") from None
