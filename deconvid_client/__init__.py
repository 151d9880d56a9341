"""Listens to a DeconvID daemon: every event once, in order. Needs pyzmq alone.

from deconvid_client import Subscriber

for event in Subscriber("ipc:///var/lib/deconvid/run/events", kinds=["face."]):
    if person := event.recognised:
        print(event.captured_at, event.camera, person.name)
"""

from deconvid_client.aio import AsyncSubscriber
from deconvid_client.errors import (
    BusError,
    CursorAheadError,
    KeyFileError,
    NewerDaemonError,
    NoAnswerError,
    RefusedError,
    UnreadableError,
)
from deconvid_client.event import SCHEMA_VERSION, Cursor, Event, Person
from deconvid_client.keys import KeyFile
from deconvid_client.requests import Requests
from deconvid_client.subscriber import Subscriber
from deconvid_client.wire import Page

__all__ = [
    "SCHEMA_VERSION",
    "AsyncSubscriber",
    "BusError",
    "Cursor",
    "CursorAheadError",
    "Event",
    "KeyFile",
    "KeyFileError",
    "NewerDaemonError",
    "NoAnswerError",
    "Page",
    "Person",
    "RefusedError",
    "Requests",
    "Subscriber",
    "UnreadableError",
]
