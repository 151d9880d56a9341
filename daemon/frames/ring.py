"""The ring: a memory-mapped file with the slots and the accounting of one camera.

Layout, native 64-bit integers: a page with magic, version, slots, largest width and height, the camera's counters, the
vision's counters and the number of faces that it follows; then the slots, each a header page and room for the largest
picture. The file is sparse: a slot takes memory when a frame of that size is first written to it.
"""

import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from daemon.errors import FrameRingError
from daemon.frames.accounting import CameraAccount, DropReason, FrameCounts, Outcome, VisionAccount, count
from daemon.frames.files import camera_of, ring_path
from daemon.frames.slot import PAGE, FrameTimes, Plane, Slot, picture_bytes, plane_shapes, slot_bytes
from daemon.messages import FrameToken

if TYPE_CHECKING:
    from engine.images import YuvImage

MAGIC = int.from_bytes(b"DCVFRAME", "little") & (2**63 - 1)
VERSION = 3
PREFIX_WORDS = 5
CAMERA_WORD = 8
VISION_WORD = 16
"""Either side's counters have a cache line of their own."""
FOLLOWED_WORD = 24


class StaleFrame(FrameRingError):  # noqa: N818 - an everyday outcome rather than a fault
    """The slot held another frame before it could be leased."""


@dataclass(frozen=True, slots=True)
class LeasedFrame:
    """A frame that stays as it is while its lease lasts. The planes are views of the slot: never keep them.

    Nobody writes to a leased slot unless somebody else clears the lease, as a second vision worker would. Whoever acts
    on what was read asks `still_valid` in between, and throws it away if not.
    """

    image: "YuvImage"
    sequence: int
    captured_ns: int
    """Arrival, CLOCK_MONOTONIC; for a file read with --fast: start + media time."""
    captured_wall_ns: int
    """The same moment since 1970."""
    _slot: Slot
    _generation: int

    def still_valid(self) -> bool:
        """True if everything that was read from the planes so far is of this frame; may be asked again and again."""
        return self._slot.holds(self._generation)


class FrameRing:
    """The frames of one camera. One process makes it, one writes it, one reads it, any may count."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self.camera = camera_of(path)
        self._file = file
        self._memory = mmap.mmap(file, 0)
        words = memoryview(self._memory)[:PAGE].cast("q")
        self._views = [words]
        _magic, _version, slots, self.max_width, self.max_height = words[:PREFIX_WORDS]
        self._camera = CameraAccount(self._counters(CAMERA_WORD, CameraAccount.words))
        self._vision = VisionAccount(self._counters(VISION_WORD, VisionAccount.words), self._camera.published)
        stride = slot_bytes(self.max_width, self.max_height)
        self._slots = [Slot(self._memory, file, PAGE + i * stride) for i in range(slots)]

    def _counters(self, first: int, words: int) -> memoryview:
        view = self._views[0][first : first + words]
        self._views.append(view)
        return view

    @classmethod
    def create(cls, folder: Path, instance: str, camera: str, max_width: int, max_height: int, slots: int = 4) -> Self:
        """Makes the ring of a camera anew, in the place of an earlier one. Raises what `prepare` does."""
        ring = cls.prepare(folder, instance, camera, max_width, max_height, slots)
        ring.put_in_place()
        return ring

    @classmethod
    def prepare(cls, folder: Path, instance: str, camera: str, max_width: int, max_height: int, slots: int = 4) -> Self:
        """Makes a ring that nobody finds until `put_in_place`; `abandon` takes it back.

        Raises:
            FrameRingError: the folder cannot be written or is full.
        """
        path = ring_path(folder, instance, camera)
        part = _unfinished(path)
        stride = slot_bytes(max_width, max_height)
        try:
            part.unlink(missing_ok=True)
            file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FrameRingError(f"{path}: cannot be made ({error.strerror}). Check the folder's rights") from error
        try:
            os.ftruncate(file, PAGE + slots * stride)
            for page in (0, *(PAGE + i * stride for i in range(slots))):
                os.posix_fallocate(file, page, PAGE)
            prefix = (MAGIC, VERSION, slots, max_width, max_height)
            os.pwrite(file, b"".join(word.to_bytes(8, "little") for word in prefix), 0)
        except OSError as error:
            os.close(file)
            part.unlink(missing_ok=True)
            raise _no_memory(path, error) from error
        return cls(path, file)

    def put_in_place(self) -> None:
        """Lets others find a prepared ring, instead of an earlier one of its camera."""
        _unfinished(self.path).rename(self.path)

    def abandon(self) -> None:
        """Takes back a prepared ring."""
        self.close()
        _unfinished(self.path).unlink(missing_ok=True)

    @classmethod
    def attach(cls, path: Path) -> Self:
        """Opens a ring that another process made.

        Raises:
            FrameRingError: there is none, or another version of this program made it.
        """
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise FrameRingError(f"{path}: cannot be opened ({error.strerror}). Restart the daemon") from error
        prefix = memoryview(os.pread(file, PREFIX_WORDS * 8, 0).ljust(PREFIX_WORDS * 8, b"\0")).cast("q")
        magic, version, slots, width, height = prefix
        expected = PAGE + slots * slot_bytes(width, height)
        if (magic, version) != (MAGIC, VERSION) or os.fstat(file).st_size != expected:
            os.close(file)
            raise FrameRingError(f"{path}: is not a frame ring of this version. Stop the daemon and remove the file")
        return cls(path, file)

    def take_over_writing(self) -> None:
        """For a camera worker, before anything else: books the frame that a predecessor had in its hands."""
        for slot in self._slots:
            if slot.generation % 2:
                slot.discard()
                self.drop(DropReason.RESTART)
            elif slot.sequence > self._camera.published:
                self._camera.publish()  # complete, and its token was never sent: the reader will see the gap
        for _ in range(self._camera.unbooked):
            self.drop(DropReason.RESTART)

    def note_arrival(self) -> None:
        """For the camera worker: another frame came, and will be written or dropped."""
        self._camera.arrive()

    def write(self, planes: Sequence[Plane], times: FrameTimes, *, bt709: bool, full_range: bool) -> FrameToken | None:
        """Copies a frame into the oldest slot that is not leased and books it as published; never waits.

        Args:
            planes: y (H, W), u and v (ceil(H/2), ceil(W/2)), uint8; rows may have gaps between them.
            times: when it was captured.
            bt709: BT.709 instead of BT.601.
            full_range: 0..255 instead of 16..235.

        Returns:
            The token to send, or None if every slot is leased (booked as `ring_full`).

        Raises:
            FrameRingError: the frame is larger than the ring allows, or there is no memory left for it.
        """
        height, width = planes[0].shape
        self._check(planes, width, height)
        for index, slot in sorted(enumerate(self._slots), key=lambda item: item[1].sequence):
            if slot.leased:
                continue
            self._reserve(slot, picture_bytes(width, height))
            if not slot.claim():
                continue
            sequence = self._camera.published + 1
            slot.fill(planes, sequence, times, bt709=bt709, full_range=full_range)
            generation = slot.finish()
            self._camera.publish()
            return FrameToken(camera=self.camera, slot=index, generation=generation, sequence=sequence)
        self.drop(DropReason.RING_FULL)
        return None

    def _check(self, planes: Sequence[Plane], width: int, height: int) -> None:
        if width > self.max_width or height > self.max_height:
            largest = f"{self.max_width}x{self.max_height}"
            raise FrameRingError(
                f"a frame of {width}x{height} is larger than {largest}. "
                f"Raise cameras.{self.camera}.max_width_px and max_height_px"
            )
        if tuple(plane.shape for plane in planes) != plane_shapes(width, height):
            raise FrameRingError(f"planes of a {width}x{height} frame must be YUV 4:2:0")

    def _reserve(self, slot: Slot, size: int) -> None:
        try:
            slot.reserve(size)
        except OSError as error:
            self.drop(DropReason.RING_FULL)
            raise _no_memory(self.path, error) from error

    def drop(self, reason: DropReason) -> None:
        """For the camera worker: books a captured frame that is not written."""
        self._camera.drop(reason)

    @contextmanager
    def lease(self, token: FrameToken) -> Iterator[LeasedFrame]:
        """Lends the frame of a token; the writer leaves it alone until the block ends.

        Says nothing at the end of the block: ask `still_valid` before what was read is used.

        Raises:
            StaleFrame: the slot was overwritten before.
        """
        # Only readers need it, and it brings OpenCV: 40 MB that no camera worker should pay.
        from engine.images import YuvImage

        slot = self._slots[token.slot]
        if not slot.lease(token.generation):
            raise StaleFrame(f"{token.camera}: frame {token.sequence} was overwritten")
        try:
            y, u, v = slot.planes()
            for plane in (y, u, v):
                plane.flags.writeable = False
            bt709, full_range = slot.colours
            times = slot.times
            image = YuvImage(y=y, u=u, v=v, bt709=bt709, full_range=full_range)
            yield LeasedFrame(
                image=image,
                sequence=slot.sequence,
                captured_ns=times.captured_ns,
                captured_wall_ns=times.captured_wall_ns,
                _slot=slot,
                _generation=token.generation,
            )
        finally:
            slot.release()

    @property
    def followed(self) -> int:
        """Faces that the vision worker follows before this camera, for its motion gate."""
        return int(self._views[0][FOLLOWED_WORD])

    def note_followed(self, faces: int) -> None:
        """For the vision worker, before it books the frame in which it found them."""
        self._views[0][FOLLOWED_WORD] = faces

    def consume(self, sequence: int, outcome: Outcome) -> None:
        """For the vision worker: books the frame of a token, and the ones before it that it skipped.

        Skipped frames count as `superseded`, or as `restart` if they were published before this worker attached. A
        sequence that was booked before is ignored, and so is one that was never published: the camera had another ring
        then.
        """
        if sequence <= self._camera.published:
            self._vision.consume(sequence, outcome)

    def clear_leases(self) -> None:
        """For a vision worker, before it reads: its killed predecessor may have held some."""
        for slot in self._slots:
            slot.release()

    def counts(self) -> FrameCounts:
        return count(self._camera, self._vision)

    def close(self) -> None:
        """Ends the use of the ring; its file stays."""
        for slot in self._slots:
            slot.close()
        for view in reversed(self._views):
            view.release()
        # A variable of the caller may still hold a leased frame; the mapping then goes with it.
        with suppress(BufferError):
            self._memory.close()
        os.close(self._file)

    def unlink(self) -> None:
        """Removes the file; processes that have it open keep their mapping."""
        self.path.unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _no_memory(path: Path, error: OSError) -> FrameRingError:
    return FrameRingError(
        f"{path}: no shared memory left ({error.strerror}). "
        f"Enlarge or clear {path.parent} (df -h {path.parent}), or use smaller streams"
    )
