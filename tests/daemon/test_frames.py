"""The frame ring: nothing torn, nothing lost from the accounts."""

import multiprocessing
import os
import signal
import subprocess
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon.errors import FrameRingError
from daemon.frames import DropReason, FrameRing, FrameTimes, Outcome, StaleFrame, instance_id, remove_rings
from daemon.frames.slot import plane_shapes
from daemon.messages import FrameToken

INSTANCE = "0123abcd"
NOW = FrameTimes(captured_ns=1, captured_wall_ns=2)
HAMMER_S = 2.0
spawn = multiprocessing.get_context("spawn")


def make_planes(value: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    return [np.full(shape, value, np.uint8) for shape in plane_shapes(width, height)]


def write(ring: FrameRing, value: int = 0, width: int = 64, height: int = 48) -> FrameToken | None:
    return ring.write(make_planes(value, width, height), NOW, bt709=True, full_range=False)


@pytest.fixture
def ring(tmp_path):
    ring = FrameRing.create(tmp_path, INSTANCE, "door", 640, 480)
    yield ring
    ring.close()


@pytest.fixture
def fast_ring():
    """In shared memory, where the races are; two slots, so that they are frequent."""
    ring = FrameRing.create(Path("/dev/shm"), INSTANCE, f"hammer{os.getpid()}", 640, 480, slots=2)
    yield ring
    ring.unlink()
    ring.close()


@pytest.fixture
def tiny_tmpfs(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a tmpfs takes root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@given(st.integers(1, 640), st.integers(1, 480), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_frame_comes_out_as_it_went_in(tmp_path_factory, width, height, bt709, full_range):
    ring = FrameRing.create(tmp_path_factory.getbasetemp(), INSTANCE, "any", 640, 480)
    padded = np.random.default_rng(0).integers(0, 255, (height, width + 16), np.uint8)
    chroma = plane_shapes(width, height)[1]
    planes = (padded[:, :width], padded[: chroma[0], : chroma[1]], padded[: chroma[0], 1 : chroma[1] + 1])
    token = ring.write(planes, FrameTimes(7, 8), bt709=bt709, full_range=full_range)
    reader = FrameRing.attach(ring.path)
    with reader.lease(token) as frame:
        image = frame.image
        for written, read in zip(planes, (image.y, image.u, image.v), strict=True):
            np.testing.assert_array_equal(written, read)
        assert (image.bt709, image.full_range) == (bt709, full_range)
        assert (frame.sequence, frame.captured_ns, frame.captured_wall_ns) == (1, 7, 8)
    reader.close()
    ring.close()


def test_a_leased_slot_is_not_overwritten(ring):
    token = write(ring, 7)
    with ring.lease(token) as frame:
        for value in range(20, 40):
            write(ring, value)
        assert np.all(frame.image.y == 7)


def test_an_overwritten_frame_is_stale(ring):
    token = write(ring)
    for _ in range(4):
        write(ring)
    with pytest.raises(StaleFrame), ring.lease(token):
        pass


def test_the_writer_drops_the_frame_when_every_slot_is_leased(ring):
    leases = [ring.lease(write(ring)) for _ in range(4)]
    for lease in leases:
        lease.__enter__()
    assert write(ring) is None
    assert ring.counts().dropped[DropReason.RING_FULL] == 1
    for lease in leases:
        lease.__exit__(None, None, None)
    assert write(ring)


def test_a_frame_that_changed_under_its_lease_is_no_longer_valid(ring):
    """Cannot happen among one writer and one reader; it does if somebody clears a lease that is in use."""
    with ring.lease(write(ring)) as frame:
        for _ in range(4):
            write(ring)
        assert frame.still_valid()
        ring.clear_leases()
        for _ in range(4):
            write(ring)
        assert not frame.still_valid()


def test_a_frame_above_the_limit_is_refused_with_the_key_to_raise(ring):
    with pytest.raises(FrameRingError, match=r"cameras\.door\.max_width_px"):
        write(ring, width=642)


def test_a_file_that_is_no_ring_is_refused(tmp_path):
    path = tmp_path / "deconvid-x-y"
    path.write_bytes(b"garbage")
    with pytest.raises(FrameRingError, match="not a frame ring"):
        FrameRing.attach(path)


def test_rings_of_another_instance_are_left_alone(tmp_path):
    for instance in (INSTANCE, "ffffffff"):
        FrameRing.create(tmp_path, instance, "door", 64, 64).close()
    assert remove_rings(INSTANCE, tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["deconvid-ffffffff-door"]


def test_two_spellings_of_a_state_folder_are_one_instance(tmp_path):
    assert instance_id(tmp_path) == instance_id(tmp_path / "x" / "..")
    assert instance_id(tmp_path) != instance_id(tmp_path / "x")


def test_full_shared_memory_is_an_error_and_no_sigbus(tiny_tmpfs):
    ring = FrameRing.create(tiny_tmpfs, INSTANCE, "door", 3840, 2160)
    assert write(ring)  # small frames fit: a slot takes what its frames need
    with pytest.raises(FrameRingError, match="no shared memory left"):
        write(ring, width=1920, height=1080)
    assert ring.counts().dropped[DropReason.RING_FULL] == 1
    assert write(ring)
    ring.close()


def test_shared_memory_that_is_full_at_the_start_is_an_error(tiny_tmpfs):
    (tiny_tmpfs / "other").write_bytes(bytes(250_000))
    with pytest.raises(FrameRingError, match="no shared memory left"):
        FrameRing.create(tiny_tmpfs, INSTANCE, "door", 64, 64)
    assert not list(tiny_tmpfs.glob("deconvid-*"))


@pytest.mark.parametrize("published_before", [0, 1])
def test_what_came_before_a_new_reader_was_its_predecessors_and_what_it_skips_is_its_own(ring, published_before):
    for _ in range(published_before):
        write(ring)
    reader = FrameRing.attach(ring.path)
    for _ in range(3):
        token = write(ring)
    reader.consume(token.sequence, Outcome.ANALYSED)
    dropped = reader.counts().dropped
    assert (dropped[DropReason.RESTART], dropped[DropReason.SUPERSEDED]) == (published_before, 2)
    reader.close()


@pytest.mark.parametrize(("arrived", "booked", "unbooked"), [(2, 2, 0), (2, 1, 0), (3, 1, 1), (1, 2, -1)])
def test_a_frame_that_is_not_booked_once_is_noticed(ring, arrived, booked, unbooked):
    for _ in range(arrived):
        ring.note_arrival()
    for _ in range(booked):
        ring.drop(DropReason.RATE)
    counts = ring.counts()
    assert (counts.unbooked, counts.add_up) == (unbooked, unbooked == 0)


class Accounts(RuleBasedStateMachine):
    """Compares the ring with a list of what became of each frame, over restarts of either side."""

    @initialize(folder=st.just(None))
    def start(self, folder: None) -> None:
        self.folder = Path("/dev/shm")
        self.writer = FrameRing.create(self.folder, INSTANCE, f"accounts{os.getpid()}", 32, 32)
        self.reader = FrameRing.attach(self.writer.path)
        self.published = self.inherited = self.in_hand = 0
        self.fates: dict[DropReason | str, int] = dict.fromkeys([*DropReason, "analysed"], 0)
        self.unread: list[FrameToken] = []

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.writer.unlink()
            self.writer.close()
            self.reader.close()

    @precondition(lambda self: not self.in_hand)
    @rule()
    def arrive(self) -> None:
        self.writer.note_arrival()
        self.in_hand = 1

    @precondition(lambda self: self.in_hand)
    @rule(reason=st.sampled_from([DropReason.RATE, DropReason.STILL, DropReason.CORRUPT, DropReason.UNDECODED]))
    def drop(self, reason: DropReason) -> None:
        self.writer.drop(reason)
        self.fates[reason] += 1
        self.in_hand = 0

    @precondition(lambda self: self.in_hand)
    @rule()
    def publish(self) -> None:
        token = write(self.writer, width=32, height=32)
        assert token
        self.unread.append(token)
        self.published += 1
        self.in_hand = 0

    @rule(skip=st.integers(0, 3))
    def read(self, skip: int) -> None:
        if skip >= len(self.unread):
            return
        token = self.unread[skip]
        try:
            with self.reader.lease(token) as frame:
                assert frame.sequence == token.sequence
            outcome = Outcome.ANALYSED
        except StaleFrame:
            outcome = Outcome.STALE
        assert (outcome is Outcome.STALE) == (len(self.unread) - skip > 4)
        self.reader.consume(token.sequence, outcome)
        self.reader.consume(token.sequence, outcome)  # the same again is ignored
        self.fates["analysed" if outcome is Outcome.ANALYSED else DropReason.STALE] += 1
        for skipped in self.unread[:skip]:
            is_inherited = skipped.sequence <= self.inherited
            self.fates[DropReason.RESTART if is_inherited else DropReason.SUPERSEDED] += 1
        del self.unread[: skip + 1]

    @rule()
    def restart_reader(self) -> None:
        self.reader.close()
        self.reader = FrameRing.attach(self.writer.path)
        self.reader.clear_leases()
        self.inherited = self.published

    @rule()
    def restart_writer(self) -> None:
        self.writer.close()
        self.writer = FrameRing.attach(self.reader.path)
        self.writer.take_over_writing()
        self.fates[DropReason.RESTART] += self.in_hand
        self.in_hand = 0

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "writer"):
            return
        counts = self.reader.counts()
        assert counts.captured == sum(self.fates.values()) + len(self.unread)
        assert counts.in_flight == len(self.unread)
        assert {**counts.dropped, "analysed": counts.analysed} == self.fates
        assert counts.add_up


TestAccounts = Accounts.TestCase
TestAccounts.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def hammer_ring(path: Path, tokens: Connection) -> None:
    """Writes as fast as it can; every byte of a frame is its sequence modulo 251, and sizes change."""
    ring = FrameRing.attach(path)
    ring.take_over_writing()
    end = time.monotonic() + HAMMER_S
    value = 0
    while time.monotonic() < end:
        value += 1
        width, height = (640, 480) if value % 3 else (333, 111)
        while (token := write(ring, value % 251, width, height)) is None:
            pass
        tokens.send((token, value % 251))
    tokens.send(None)


def test_no_read_is_ever_torn(fast_ring):
    ring = fast_ring
    receiver, sender = spawn.Pipe(duplex=False)
    writer = spawn.Process(target=hammer_ring, args=(ring.path, sender))
    writer.start()
    outcomes = dict.fromkeys(Outcome, 0)
    while (item := receiver.recv()) is not None:
        token, value = item
        try:
            with ring.lease(token) as frame:
                planes = [plane.copy() for plane in (frame.image.y, frame.image.u, frame.image.v)]
                outcome = Outcome.ANALYSED if frame.still_valid() else Outcome.STALE
            assert frame.sequence == token.sequence
            assert outcome is Outcome.STALE or all(np.all(plane == value) for plane in planes)
        except StaleFrame:
            outcome = Outcome.STALE
        outcomes[outcome] += 1
        ring.consume(token.sequence, outcome)
    writer.join()
    counts = ring.counts()
    # Both ways must have been taken, or the test has shown nothing.
    assert min(outcomes.values()) > 10
    assert (counts.analysed, counts.dropped[DropReason.STALE]) == (outcomes[Outcome.ANALYSED], outcomes[Outcome.STALE])
    assert counts.in_flight == 0


def die_reading(path: Path, token: FrameToken) -> None:
    with FrameRing.attach(path).lease(token):
        os.kill(os.getpid(), signal.SIGKILL)


def test_the_lease_of_a_killed_reader_is_cleared_by_the_next_one(ring):
    token = write(ring, 5)
    process = spawn.Process(target=die_reading, args=(ring.path, token))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    for _ in range(8):
        write(ring)
    with ring.lease(token) as frame:  # still held: the writer went round it
        assert np.all(frame.image.y == 5)
    ring.clear_leases()
    for _ in range(4):
        write(ring)
    with pytest.raises(StaleFrame), ring.lease(token):
        pass


class KilledError(Exception):
    """Stands for SIGKILL at a place that a signal would hit by chance only."""


class DyingPlane(np.ndarray):
    """A plane that cannot be copied."""

    def __array_function__(self, *_arguments: object) -> None:
        raise KilledError


def test_a_camera_worker_that_died_while_writing_loses_that_frame_only(ring):
    write(ring, 1)
    planes = make_planes(2)
    planes[1] = planes[1].view(DyingPlane)
    with pytest.raises(KilledError):
        ring.write(planes, NOW, bt709=True, full_range=False)
    successor = FrameRing.attach(ring.path)
    successor.take_over_writing()
    successor.take_over_writing()  # it may be killed again before its first frame
    token = write(successor, 3)
    assert token.sequence == 2
    with ring.lease(token) as frame:
        assert np.all(frame.image.u == 3)
    counts = successor.counts()
    assert (counts.captured, counts.in_flight, counts.dropped[DropReason.RESTART]) == (3, 2, 1)
    successor.close()
