"""A worker's sign of life: eight memory-mapped bytes that hold the CLOCK_MONOTONIC time of its last beat."""

import mmap
import os
import time
from pathlib import Path
from typing import Self

from config.errors import DeconvIDError


class Heartbeat:
    """The worker beats, the supervisor looks. A beat is one store: it costs nothing and never blocks."""

    def __init__(self, file: int) -> None:
        self._memory = mmap.mmap(file, 8)
        os.close(file)
        self._beaten_ns = memoryview(self._memory).cast("q")

    @classmethod
    def create(cls, path: Path) -> Self:
        """For the supervisor, before it starts the worker: makes the file, and the first beat.

        Raises:
            DeconvIDError: the folder cannot be written or is full.
        """
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.posix_fallocate(file, 0, 8)  # a page that a full disk cannot give would be a SIGBUS at the first beat
        except OSError as error:
            raise DeconvIDError(f"{path}: cannot be written ({error.strerror}). Free some space") from error
        heartbeat = cls(file)
        heartbeat.beat()
        return heartbeat

    @classmethod
    def open(cls, path: Path) -> Self:
        """For the worker.

        Raises:
            OSError: the supervisor did not make it.
        """
        return cls(os.open(path, os.O_RDWR | os.O_CLOEXEC))

    def beat(self) -> None:
        self._beaten_ns[0] = time.monotonic_ns()

    @property
    def beaten_ns(self) -> int:
        """When the last beat was, CLOCK_MONOTONIC."""
        return int(self._beaten_ns[0])

    def age_s(self) -> float:
        """Seconds since the last beat."""
        return (time.monotonic_ns() - self.beaten_ns) / 1e9

    def close(self) -> None:
        self._beaten_ns.release()
        self._memory.close()
