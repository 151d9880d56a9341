"""The folder of snapshots: the best look of each track, written before the event that names it."""

import logging
import re
from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from config import SnapshotSettings
from daemon.events.schema import FaceEvent
from daemon.messages import FaceObserved, Picture
from daemon.private_files import make_private_folder, replace_private
from daemon.snapshots.drawing import draw

logger = logging.getLogger(__name__)

MOST_BYTES = 32 << 20
"""Of pictures in memory; the tracks not seen for longest lose theirs."""

TrackKey = tuple[str, str]


@dataclass(slots=True)
class _Best:
    picture: Picture
    quality: float
    taken_wall_ns: int
    kept: tuple[int | None, str] | None = None
    """Of this picture, the person under whom it was written last, and the file's name."""


class SnapshotStore:
    """Args: folder: where the pictures go."""

    def __init__(self, folder: Path, settings: SnapshotSettings) -> None:
        self.counts: Counter[str] = Counter()
        self._folder, self._settings = folder, settings
        self._best: OrderedDict[TrackKey, _Best] = OrderedDict()
        self._bytes = 0

    def see(self, face: FaceObserved) -> None:
        """Remembers the picture, if there is one, that shows the track best."""
        if face.picture is None:
            return
        key = (face.camera, face.track)
        best = self._best.get(key)
        if best is None or face.quality > best.quality:
            self.forget(*key)
            self._best[key] = _Best(face.picture, face.quality, face.captured_wall_ns)
            self._bytes += len(face.picture.jpeg)
        while self._bytes > MOST_BYTES:
            self.forget(*next(iter(self._best)))

    def keep(self, event: FaceEvent) -> str | None:
        """Writes the best look of the event's track; returns its name in the folder, None if none is kept."""
        best = self._best.get((event.camera, event.track))
        if best is None or self._settings.whose == ("known" if event.person is None else "unknown"):
            return None
        person_id = event.person.id if event.person else None
        if best.kept and (best.kept[0] == person_id or not self._settings.draw):
            return best.kept[1]
        name = _name(event, best)
        try:
            make_private_folder((self._folder / name).parent)
            replace_private(self._folder / name, self._rendered(best.picture, event))
        except OSError as error:
            self.counts["snapshots_failed"] += 1
            if self.counts["snapshots_failed"] == 1:
                logger.warning("snapshot_not_kept cause='%s' fix='free some space'", error.strerror or "no picture")
            return None
        self.counts["snapshots_kept"] += 1
        best.kept = (person_id, name)
        return name

    def delete_erased(self, people: Collection[int]) -> None:
        """Deletes what was written of people in sight who are no longer known.

        Whoever erases a person deletes the pictures that stored events name; this one may not have had its event then.
        """
        for best in self._best.values():
            if best.kept and best.kept[0] is not None and best.kept[0] not in people:
                (self._folder / best.kept[1]).unlink(missing_ok=True)
                best.kept = None

    def forget(self, camera: str, track: str) -> None:
        """Drops what is in memory of a track; its files stay."""
        if best := self._best.pop((camera, track), None):
            self._bytes -= len(best.picture.jpeg)

    def _rendered(self, picture: Picture, event: FaceEvent) -> bytes:
        if not self._settings.draw:
            return picture.jpeg
        return draw(picture, event.person.name if event.person else "unknown", self._settings.quality)


def _name(event: FaceEvent, best: _Best) -> str:
    """Returns a path below the folder; a track's name comes from another process and may hold anything."""
    taken = datetime.fromtimestamp(best.taken_wall_ns / 1e9, UTC)
    track = re.sub(r"[^A-Za-z0-9-]", "_", event.track)
    who = f"-{event.person.id}" if event.person else ""
    return f"{taken:%Y-%m-%d}/{taken:%H%M%S}-{taken.microsecond:06}-{event.camera}-{track}{who}.jpg"
