"""Pictures are not kept for ever, nor without bound."""

import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config import SnapshotSettings

logger = logging.getLogger(__name__)

INTERVAL_S = 600.0


class SnapshotRetention:
    """Deletes the oldest pictures, at most once in `INTERVAL_S`. The names of the files tell their age."""

    def __init__(
        self,
        folder: Path,
        settings: SnapshotSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder, self._settings, self._now = folder, settings, now
        self._due_s = 0.0

    def enforce(self) -> None:
        """Costs nothing if it is not due."""
        if time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + INTERVAL_S
        try:
            deleted = self._sweep()
        except OSError as error:
            logger.warning("snapshots_not_deleted cause='%s'", error.strerror)
            return
        if deleted:
            logger.info("snapshots_deleted count=%d", deleted)

    def _sweep(self) -> int:
        files = sorted(self._folder.glob("????-??-??/*.jpg"))
        oldest_day = (self._now() - timedelta(days=self._settings.keep_days)).strftime("%Y-%m-%d")
        left = sum(os.stat(file).st_size for file in files)
        deleted = 0
        for file in files:
            if file.parent.name >= oldest_day and left <= self._settings.keep_megabytes * 1_000_000:
                break
            left -= os.stat(file).st_size
            file.unlink()
            deleted += 1
        for day in self._folder.glob("????-??-??"):
            if not any(day.iterdir()):
                day.rmdir()
        return deleted
