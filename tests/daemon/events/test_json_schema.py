"""docs/events.schema.json is a promise to programs that read events."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import daemon
from daemon.events.json_schema import event_schema, incompatibilities

COMMITTED = Path(daemon.__file__).parents[1] / "docs" / "events.schema.json"

Schema = dict[str, Any]


@pytest.fixture
def committed() -> Schema:
    schema: Schema = json.loads(COMMITTED.read_text())
    return schema


def test_events_keep_the_promise_of_the_committed_schema(committed: Schema) -> None:
    assert incompatibilities(committed, event_schema()) == []


def test_committed_schema_is_of_today(committed: Schema) -> None:
    assert committed == event_schema(), "write `deconvid events schema` to docs/events.schema.json"


def add_field(schema: Schema) -> None:
    schema["$defs"]["Left"]["properties"]["mood"] = {"type": "string"}


def add_kind(schema: Schema) -> None:
    schema["discriminator"]["mapping"]["face.smiled"] = "#/$defs/Left"


def explain(schema: Schema) -> None:
    schema["$defs"]["Left"]["description"] = "in other words"


@pytest.mark.parametrize("change", [add_field, add_kind, explain])
def test_addition_is_compatible(committed: Schema, change: Callable[[Schema], None]) -> None:
    newer = copy.deepcopy(committed)
    change(newer)
    assert incompatibilities(committed, newer) == []


def remove_kind(schema: Schema) -> None:
    del schema["discriminator"]["mapping"]["face.left"]


def remove_field(schema: Schema) -> None:
    del schema["$defs"]["Left"]["properties"]["score"]


def retype_field(schema: Schema) -> None:
    schema["$defs"]["Left"]["properties"]["camera"] = {"type": "integer"}


def retype_within_a_reference(schema: Schema) -> None:
    schema["$defs"]["Person"]["properties"]["id"] = {"type": "string"}


def require_field(schema: Schema) -> None:
    schema["$defs"]["Left"]["required"].append("score")


def free_field(schema: Schema) -> None:
    schema["$defs"]["Left"]["required"].remove("camera")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (remove_kind, "face.left: removed"),
        (remove_field, "face.left.score: removed"),
        (retype_field, "face.left.camera: another type"),
        (retype_within_a_reference, "face.left.person: another type"),
        (require_field, "face.left.score: required now"),
        (free_field, "face.left.camera: optional now"),
    ],
)
def test_breaking_change_is_found(committed: Schema, change: Callable[[Schema], None], fault: str) -> None:
    newer = copy.deepcopy(committed)
    change(newer)
    assert any(fault in found for found in incompatibilities(committed, newer))
