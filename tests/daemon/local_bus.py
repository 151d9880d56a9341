"""Writer and bus in the process of the test: what is said is stored, and published at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from daemon.events.bus import EventBus
from daemon.events.cursor import CursorFile
from daemon.events.schema import Event
from daemon.events.writer import Draft, EventWriter
from daemon.store import Store


class LocalBus:
    def __init__(self, writer: EventWriter, bus: EventBus) -> None:
        self._writer, self.bus = writer, bus

    def say(self, *events: Event, captured_ns: int | None = None) -> None:
        self.write(*events, captured_ns=captured_ns)
        self.bus.finish()

    def write(self, *events: Event, captured_ns: int | None = None) -> None:
        """Without publishing them."""
        self._writer.write([Draft(event, captured_ns) for event in events])


@contextmanager
def local_bus(
    store: Store, folder: Path, format: str = "json", context: zmq.Context | None = None
) -> Iterator[LocalBus]:
    """Endpoints `events`, `requests` and `stored` in a folder."""
    context = context or zmq.Context.instance()
    cursor = CursorFile(folder / "bus.cursor", store.epoch)
    with EventWriter(store, f"ipc://{folder}/stored", context) as writer, EventBus(store, cursor, format) as bus:
        bus.open(
            context,
            events=f"ipc://{folder}/events",
            requests=f"ipc://{folder}/requests",
            stored=f"ipc://{folder}/stored",
        )
        yield LocalBus(writer, bus)
