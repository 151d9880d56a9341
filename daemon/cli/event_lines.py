"""How an event looks to a person, to a program and to a spreadsheet."""

import json
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from daemon.cli.common import KIND_STYLES
from deconvid_client import Event

COLUMNS = (
    *("sequence", "kind", "captured_at", "published_at", "camera", "track", "person_id", "person", "stranger", "score"),
    *("latency_ms", "snapshot", "state", "subject", "detail", "actor"),
)

RELATIONS = {"stranger.named": "is", "stranger.merged": "is", "stranger.split": "was partly"}


def line_of(event: Event) -> Text:
    moment = event.data.get("published_at", event.data["captured_at"])[11:23]
    return Text.assemble(
        (f"{event.sequence:>6} {moment}", "dim"),
        f"  {event.camera or '':<12} ",
        (f"{event.kind:<16}", KIND_STYLES.get(event.kind, "")),
        f" {_say(event)}".rstrip(),
    )


def json_of(event: Event) -> str:
    return json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))


def row_of(event: Event) -> dict[str, Any]:
    """Returns the fields of `COLUMNS` that the event has."""
    person = {"person_id": event.person.id, "person": event.person.name} if event.person else {"person": None}
    return {**event.data, **person}


def _say(event: Event) -> str:
    data = event.data
    if event.kind.startswith("face."):
        return _say_face(event, data)
    if event.kind == "gallery.changed":
        counts = (f"{name} {len(data[name])}" for name in ("added", "changed", "removed") if data.get(name))
        return f"revision {data['revision']}: {', '.join(counts)}"
    if event.kind.startswith("stranger."):
        other = event.person.name if event.person else data.get("into") or data.get("new") or "nobody any more"
        return f"{data['stranger']} {RELATIONS.get(event.kind, 'and')} {other}"
    by = f"(by {data['actor']})" if data.get("actor", "daemon") != "daemon" else None
    words = [data.get("state"), data.get("subject"), data.get("detail"), by]
    return "; ".join(" ".join(word for word in words if word).splitlines())


def _say_face(event: Event, data: Mapping[str, Any]) -> str:
    nobody = "" if event.kind == "face.appeared" else event.stranger or "unknown"
    who = event.person.name if event.person else nobody
    score = "" if data.get("score") is None else f"{data['score']:.2f}"
    notes = [
        f"{data['latency_ms']:.0f} ms" if "latency_ms" in data else "",
        f"since {data['first_seen_at'][11:19]}" if "first_seen_at" in data else "",
        f"corrects {data['corrects']}" if "corrects" in data else "",
    ]
    return f"{who:<24} {score:<5} {data.get('track') or '':<12} {'  '.join(filter(None, notes))}"
