import pytest

from daemon.events import schema
from deconvid_client import SCHEMA_VERSION, Event, NewerDaemonError, Person
from tests.deconvid_client.bus_double import make_event

ADA = Person(1, "Ada")


@pytest.mark.parametrize(
    ("kind", "fields", "recognised"),
    [
        ("face.identified", {}, ADA),
        ("face.corrected", {}, ADA),  # unknown first, then recognised
        ("face.corrected", {"person": None}, None),
        ("face.identified", {"person": None}, None),  # erased since
        ("face.unknown", {"person": None}, None),
        ("face.left", {}, None),
        ("stranger.named", {"person": {"id": 1, "name": "Ada"}}, None),
    ],
)
def test_recognised_is_whom_a_track_is_held_to_be_from_now_on(kind, fields, recognised) -> None:
    assert Event.of(make_event("one", 1, kind, **fields)).recognised == recognised


def test_client_knows_the_schema_of_its_daemon() -> None:
    assert schema.VERSION == SCHEMA_VERSION
    assert Event.of(make_event("one", 1)).version == SCHEMA_VERSION


def test_event_of_an_older_schema_is_read_and_one_of_a_newer_is_not_guessed_at() -> None:
    assert Event.of(make_event("one", 1, version=1)).version == 1
    with pytest.raises(NewerDaemonError, match=r"version 3.*this client .* 2.*update deconvid_client"):
        Event.of({"version": 3, "anything": "else"})
