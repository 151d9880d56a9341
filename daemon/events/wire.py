"""Payloads as they travel. The store keeps JSON."""

from typing import Any, Literal

import msgspec

Format = Literal["json", "msgpack"]


def encode_payload(json: str, format: Format) -> bytes:
    """Returns a stored payload as it goes over the wire. JSON begins with `{`, a MessagePack map never does."""
    return json.encode() if format == "json" else msgspec.msgpack.encode(msgspec.json.decode(json))


def encode_object(value: dict[str, Any], format: Format) -> bytes:
    return msgspec.json.encode(value) if format == "json" else msgspec.msgpack.encode(value)
