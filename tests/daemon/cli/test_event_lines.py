import json

import pytest

from daemon.cli.event_lines import line_of, row_of
from daemon.events import Event as ToldEvent
from daemon.events import Left, Person, StrangerMerged, StrangerNamed, StrangerSplit, encode_event
from daemon.events.schema import rfc3339
from daemon.events.writer import stamp
from deconvid_client import Event

THEN = rfc3339(0)
SEEN = {"sightings": 2, "first_seen_at": THEN, "last_seen_at": THEN}


def heard(event: ToldEvent) -> Event:
    return Event.of(json.loads(encode_event(stamp(event, "e", 7))))


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (StrangerNamed(captured_at=THEN, stranger="unknown-3", person=Person(1, "Zoë"), **SEEN), "unknown-3 is Zoë"),
        (StrangerNamed(captured_at=THEN, stranger="unknown-3", person=None, **SEEN), "unknown-3 is nobody any more"),
        (StrangerMerged(captured_at=THEN, stranger="unknown-3", into="unknown-1"), "unknown-3 is unknown-1"),
        (StrangerSplit(captured_at=THEN, stranger="unknown-3", new="unknown-9"), "unknown-3 was partly unknown-9"),
    ],
)
def test_line_tells_who_a_stranger_is(event: ToldEvent, says: str) -> None:
    assert line_of(heard(event)).plain.endswith(says)


def test_unknown_face_is_told_by_its_number() -> None:
    left = Left(
        camera="door", track="t1", captured_at=THEN, first_seen_at=THEN, last_seen_at=THEN, stranger="unknown-3"
    )
    event = heard(left)
    assert " unknown-3 " in line_of(event).plain
    assert (event.stranger, row_of(event)["stranger"]) == ("unknown-3", "unknown-3")
