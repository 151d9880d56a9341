"""A wall clock that only the soaked daemon sees, so that it can be set without touching the machine's."""

import logging
import mmap
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Self

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).with_suffix(".c")
VARIABLE = "DECONVID_SOAK_CLOCK"
OFFSET_BYTES = 8


class WallClock:
    """Attributes: offset_s: by how much it is ahead of the machine's."""

    def __init__(self, library: Path, offset: Path) -> None:
        offset.write_bytes(bytes(OFFSET_BYTES))
        with offset.open("r+b") as file:
            self._offset_ns = memoryview(mmap.mmap(file.fileno(), OFFSET_BYTES)).cast("q")
        self.offset_s = 0.0
        self.environment = {
            "LD_PRELOAD": " ".join(filter(None, [str(library), os.environ.get("LD_PRELOAD")])),
            VARIABLE: str(offset),
        }
        """Of a process that shall see this clock."""

    @classmethod
    def make(cls, folder: Path) -> Self | None:
        """Builds it in a folder; None if this machine has no C compiler."""
        compiler, library = shutil.which("cc"), folder / "wall_clock.so"
        if compiler is None:
            logger.warning("soak_without_clock_step fix='install a C compiler (gcc, libc6-dev)'")
            return None
        command: list[str | Path] = [compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode:
            logger.warning("soak_without_clock_step cause='%s'", built.stderr.strip().splitlines()[-1:])
            return None
        return cls(library, folder / "wall_clock.offset")

    def set_ahead(self, offset_s: float) -> None:
        """Steps it to be so far ahead of the machine's clock, or behind it."""
        self._offset_ns[0] = round(offset_s * 1e9)
        self.offset_s = offset_s

    def now_ns(self) -> int:
        return time.time_ns() + round(self.offset_s * 1e9)
