"""What holds now: the newest state of each camera, the newest word on each track that has not left."""

from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from daemon.store import EventStore, StoredEvent

MOST_TRACKS = 4096
MOST_CAMERAS = 1024
REMEMBER = timedelta(days=1)
"""How far back a restarted bus looks for tracks that have not left."""


class LastWords:
    """Keeps sequence numbers only, so that a person who is erased is erased here too."""

    def __init__(self) -> None:
        self._tracks: OrderedDict[tuple[str | None, str], int] = OrderedDict()
        self._cameras: OrderedDict[str | None, int] = OrderedDict()

    @classmethod
    def load(cls, events: EventStore) -> "LastWords":
        """Raises StoreError: the store cannot be read."""
        words = cls()
        for event in [*events.last_of_each_camera(), *events.last_of_each_track(datetime.now(UTC) - REMEMBER)]:
            words.note(event)
        return words

    def note(self, event: StoredEvent) -> None:
        """Takes in the next event."""
        if event.kind == "camera.state":
            self._cameras[event.camera] = event.sequence
            if len(self._cameras) > MOST_CAMERAS:
                self._cameras.popitem(last=False)
        elif event.track is not None:
            self._note_track((event.camera, event.track), event)

    def _note_track(self, key: tuple[str | None, str], event: StoredEvent) -> None:
        if event.kind == "face.left":
            self._tracks.pop(key, None)
        elif event.kind != "face.appeared":
            self._tracks[key] = event.sequence
            if len(self._tracks) > MOST_TRACKS:
                self._tracks.popitem(last=False)

    def after(self, sequence: int) -> list[int]:
        """Returns the sequence numbers beyond one, rising."""
        numbers = [*self._cameras.values(), *self._tracks.values()]
        return sorted(number for number in numbers if number > sequence)
