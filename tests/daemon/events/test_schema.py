import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.events import CameraChanged, Corrected, Person, decode_event, encode_event
from daemon.events.schema import rfc3339


def test_wire_format_is_what_the_documentation_says() -> None:
    event = Corrected(
        epoch="e",
        sequence=7,
        camera="door",
        track="t1",
        captured_at=rfc3339(0),
        published_at=rfc3339(1_500_000),
        latency_ms=1.5,
        person=Person(3, "Zoë"),
        score=0.75,
        box=(1, 2, 3, 4),
        frame_size=(640, 480),
        corrects=5,
    )
    assert json.loads(encode_event(event)) == {
        "kind": "face.corrected",
        "version": 2,
        "epoch": "e",
        "sequence": 7,
        "camera": "door",
        "track": "t1",
        "captured_at": "1970-01-01T00:00:00.000000Z",
        "published_at": "1970-01-01T00:00:00.001500Z",
        "latency_ms": 1.5,
        "person": {"id": 3, "name": "Zoë"},
        "score": 0.75,
        "box": [1, 2, 3, 4],
        "frame_size": [640, 480],
        "snapshot": None,
        "stranger": None,
        "corrects": 5,
    }
    assert decode_event(encode_event(event)) == event
    assert event.topic == "face.corrected.door"


def test_only_words_have_a_latency() -> None:
    event = CameraChanged(camera="door", captured_at=rfc3339(0), state="streaming", detail="")
    assert "latency_ms" not in json.loads(encode_event(event))


@given(st.integers(0, 7_000_000_000_000_000_000))
def test_time_has_six_digits_and_is_exact(wall_ns: int) -> None:
    text = rfc3339(wall_ns)
    assert len(text) == 27
    moment = datetime.fromisoformat(text)
    assert round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6) == pytest.approx(
        wall_ns // 1000, abs=2
    )
