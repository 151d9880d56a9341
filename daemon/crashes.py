"""Traces of workers that crashed inside a library or hung: Python's faulthandler writes them, here they are kept.

A worker writes to a file of its own that is empty as long as all is well; what a dead one left there is put aside.
A trace names functions and lines, never a value.
"""

import faulthandler
import logging
import os
import time
from pathlib import Path
from typing import TextIO

logger = logging.getLogger(__name__)

VARIABLE = "DECONVID_TRACE"
"""Environment variable that tells a worker where to write."""
MOST_KEPT = 20
MOST_BYTES = 64 * 1024
"""Of one trace that is kept."""

_open_files: list[TextIO] = []
"""faulthandler keeps the descriptor alone: the file must not be collected."""


def trace_crashes() -> None:
    """For a worker: a crash, or a SIGABRT from the supervisor, leaves the stack of every thread behind."""
    if path := os.environ.get(VARIABLE):
        try:
            _open_files.append(open(path, "w"))  # noqa: SIM115
        except OSError as error:
            logger.warning("crashes_not_traced cause='%s'", error.strerror)
            return
        faulthandler.enable(_open_files[-1])


class Crashes:
    """For the supervisor: a folder of traces."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for live in folder.glob("*.live"):  # of a daemon that was killed
            self.keep(live.stem)

    def path_for(self, worker: str) -> Path:
        """Returns where the worker writes while it runs."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            logger.warning("crashes_not_traced cause='%s'", error.strerror)
        return self._folder / f"{worker}.live"

    def keep(self, worker: str) -> Path | None:
        """Puts aside what a dead worker wrote; returns where, or None if it wrote nothing."""
        live = self._folder / f"{worker}.live"
        try:
            if live.stat().st_size == 0:
                live.unlink()
                return None
            os.truncate(live, min(live.stat().st_size, MOST_BYTES))
            kept = live.rename(self._folder / f"{worker}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.trace")
            self._forget_oldest()
        except OSError:
            return None
        return kept

    def _forget_oldest(self) -> None:
        for path in sorted(self._folder.glob("*.trace"), key=lambda path: path.stat().st_mtime)[:-MOST_KEPT]:
            path.unlink(missing_ok=True)
