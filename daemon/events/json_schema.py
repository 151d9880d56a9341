"""The events as JSON Schema, and which changes of it break programs that read events."""

from collections.abc import Mapping
from typing import Any

import msgspec

from daemon.events.schema import VERSION, AnyEvent

Json = Mapping[str, Any]


def event_schema() -> dict[str, Any]:
    """Returns a JSON Schema (draft 2020-12) that every event fits."""
    [schema], definitions = msgspec.json.schema_components([AnyEvent], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"DeconvID events, version {VERSION}",
        **schema,
        "$defs": definitions,
    }


def incompatibilities(old: Json, new: Json) -> list[str]:
    """Returns what a program, or an event, of the old schema would stumble over in the new one, one line for each.

    Kinds and fields may be added. They may not be removed or change their type; nor may a field of stored events
    become required that they may lack, or one become optional on which programs rely.
    """
    faults = []
    for kind, reference in old["discriminator"]["mapping"].items():
        successor = new["discriminator"]["mapping"].get(kind)
        if successor is None:
            faults.append(f"{kind}: removed")
        else:
            faults += _differences(kind, _resolve(old, reference), _resolve(new, successor))
    return faults


def _resolve(schema: Json, reference: str) -> Json:
    """Returns the definition that is referred to, with the definitions that it refers to in place."""
    definition: Json = _expand(schema, schema["$defs"][reference.rpartition("/")[2]])
    return definition


def _expand(schema: Json, node: Any) -> Any:
    if isinstance(node, Mapping):
        if "$ref" in node:
            return _resolve(schema, node["$ref"])
        return {key: _expand(schema, value) for key, value in node.items()}
    return [_expand(schema, item) for item in node] if isinstance(node, list) else node


def _differences(place: str, old: Json, new: Json) -> list[str]:
    """Of two objects with properties."""
    faults = []
    before, after = old["properties"], new["properties"]
    for name in before:
        if name not in after:
            faults.append(f"{place}.{name}: removed")
        elif _type_of(before[name]) != _type_of(after[name]):
            faults.append(f"{place}.{name}: another type")
    was_required, is_required = set(old.get("required", ())), set(new.get("required", ()))
    faults += [f"{place}.{name}: required now, but stored events may lack it" for name in is_required - was_required]
    faults += [f"{place}.{name}: optional now" for name in was_required & set(after) - is_required]
    return sorted(faults)


def _type_of(node: Any) -> Any:
    """Returns a property without what is for people, and with objects by their own properties' types."""
    if isinstance(node, Mapping):
        return {key: _type_of(value) for key, value in node.items() if key not in ("title", "description", "default")}
    return [_type_of(item) for item in node] if isinstance(node, list) else node
