"""One slot of a ring: a header, a planar YUV 4:2:0 picture, and the handshake that keeps writer and reader apart.

Dekker's handshake: each side first says what it wants, then looks at what the other one said. The writer makes the
generation odd and looks at the lease; the reader sets the lease and looks at the generation. At least one of them sees
the other and steps back, so that nobody writes what somebody reads; neither ever waits.
"""

import mmap
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

PAGE = mmap.PAGESIZE
"""A slot's header has a page of its own, so that the pictures start on a page."""
HEADER_WORDS = 9
GENERATION, LEASE, WIDTH, HEIGHT, BT709, FULL_RANGE, SEQUENCE, CAPTURED, CAPTURED_WALL = range(HEADER_WORDS)

_fence_lock = threading.Lock()


def fence() -> None:
    """Keeps the loads after it behind the stores before it, as the processor sees them.

    A processor may look at the other side's flag before its own is visible; then neither sees the other. Python has no
    fence, but taking a lock is a locked instruction. (On ARM that is weaker than a full fence; there the reader's
    second look at the generation, `LeasedFrame.still_valid`, is what finds a slot that was written meanwhile.)
    """
    with _fence_lock:
        pass


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When a frame was captured."""

    captured_ns: int
    """Arrival, CLOCK_MONOTONIC; for a file read with --fast: start + media time."""
    captured_wall_ns: int
    """The same moment since 1970."""

    @classmethod
    def now(cls) -> Self:
        return cls(captured_ns=time.monotonic_ns(), captured_wall_ns=time.time_ns())

    def later(self, by_ns: int) -> "FrameTimes":
        return FrameTimes(self.captured_ns + by_ns, self.captured_wall_ns + by_ns)


def plane_shapes(width: int, height: int) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return (height, width), chroma, chroma


def picture_bytes(width: int, height: int) -> int:
    return sum(rows * columns for rows, columns in plane_shapes(width, height))


def slot_bytes(max_width: int, max_height: int) -> int:
    """Header and largest picture, in whole pages."""
    return PAGE + -(-picture_bytes(max_width, max_height) // PAGE) * PAGE


class Slot:
    """A view of one slot; both sides have their own."""

    def __init__(self, memory: mmap.mmap, file: int, offset: int) -> None:
        self._memory = memory
        self._file = file
        self._pixels = offset + PAGE
        self._allocated = 0
        self._header = memoryview(memory)[offset : offset + HEADER_WORDS * 8].cast("q")

    @property
    def generation(self) -> int:
        """Odd while the slot is written."""
        return int(self._header[GENERATION])

    @property
    def leased(self) -> bool:
        return bool(self._header[LEASE])

    @property
    def sequence(self) -> int:
        """Of the frame in it; 0 if there was none yet."""
        return int(self._header[SEQUENCE])

    @property
    def size(self) -> tuple[int, int]:
        return int(self._header[WIDTH]), int(self._header[HEIGHT])

    @property
    def colours(self) -> tuple[bool, bool]:
        """BT.709 instead of BT.601, full instead of limited range."""
        return bool(self._header[BT709]), bool(self._header[FULL_RANGE])

    @property
    def times(self) -> FrameTimes:
        return FrameTimes(int(self._header[CAPTURED]), int(self._header[CAPTURED_WALL]))

    def planes(self) -> list[Plane]:
        """Views of the y, u and v plane, tightly packed."""
        views: list[Plane] = []
        offset = self._pixels
        for rows, columns in plane_shapes(*self.size):
            view = np.frombuffer(self._memory, np.uint8, rows * columns, offset)
            views.append(view.reshape(rows, columns))
            offset += rows * columns
        return views

    def reserve(self, size: int) -> None:
        """Takes the memory for a picture of so many bytes.

        tmpfs hands out pages at the first touch, and a full tmpfs answers a touch with SIGBUS. Asked beforehand it
        answers with an error.

        Raises:
            OSError: there is no memory left.
        """
        if size > self._allocated:
            os.posix_fallocate(self._file, self._pixels, size)
            self._allocated = size

    def claim(self) -> bool:
        """Writer: True if the slot may be written now. It says so itself by an odd generation."""
        self._header[GENERATION] += 1
        fence()
        if self.leased:
            self._header[GENERATION] -= 1  # the reader has it; it was not touched
            return False
        return True

    def fill(self, planes: Sequence[Plane], sequence: int, times: FrameTimes, *, bt709: bool, full_range: bool) -> None:
        """Writer, after `claim`: copies the planes (their rows may have gaps between them)."""
        height, width = planes[0].shape
        values = (width, height, bt709, full_range, sequence, times.captured_ns, times.captured_wall_ns)
        for word, value in enumerate(values, start=WIDTH):
            self._header[word] = int(value)
        for target, plane in zip(self.planes(), planes, strict=True):
            np.copyto(target, plane)

    def finish(self) -> int:
        """Writer, after `fill`: opens the slot to readers and returns the generation they need."""
        fence()
        self._header[GENERATION] += 1
        return self.generation

    def discard(self) -> None:
        """Writer: opens a slot that a killed predecessor left half written; nobody has a token for it."""
        self._header[SEQUENCE] = 0
        self.finish()

    def lease(self, generation: int) -> bool:
        """Reader: True if the slot holds this generation and is safe from the writer until `release`."""
        self._header[LEASE] = 1
        fence()
        if self.generation == generation:
            return True
        self.release()
        return False

    def holds(self, generation: int) -> bool:
        """Reader, after it has read: True if the slot was not written since it was leased.

        False also in the instant in which the writer claims it and steps back.
        """
        fence()
        return self.generation == generation

    def release(self) -> None:
        fence()
        self._header[LEASE] = 0

    def close(self) -> None:
        self._header.release()
