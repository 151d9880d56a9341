"""What a camera's fault costs the cameras beside it."""

from collections.abc import Iterable

import pytest

from daemon.demo.verdict import Verdict
from daemon.soak.neighbours import neighbours
from daemon.soak.schedule import Fault
from daemon.soak.watch import Delay, Ordeal, Watch

GONE = Ordeal(Fault("camera_gone", "cam1"), began_s=200, ended_s=210, recovered_s=300)


def watch(ordeals: Iterable[Ordeal], delays: Iterable[Delay]) -> Watch:
    return Watch(Verdict({}, []), ordeals=list(ordeals), delays=list(delays))


def delays(camera: str, from_s: int, until_s: int, ms: float) -> list[Delay]:
    return [Delay(at_s, camera, ms + at_s % 10) for at_s in range(from_s, until_s)]


def test_the_others_are_compared_with_themselves_in_quiet_times() -> None:
    seen = watch([GONE], delays("cam2", 60, 200, 100) + delays("cam2", 200, 300, 150) + delays("cam2", 300, 400, 100))
    told = neighbours(seen, 60)
    assert told is not None
    assert (told.quiet_ms, told.beside_fault_ms) == pytest.approx((109, 159), abs=1)
    more, low, high = told.more_percent
    assert low <= more <= high
    assert more == pytest.approx(46, abs=2)
    assert told.events == (100, 240)


def test_the_camera_that_is_struck_and_the_start_count_for_nothing() -> None:
    quiet = delays("cam2", 60, 200, 100)
    plain = neighbours(watch([GONE], quiet + delays("cam2", 200, 300, 100)), 60)
    extra = delays("cam1", 200, 300, 900) + delays("cam2", 0, 60, 900)
    assert neighbours(watch([GONE], quiet + delays("cam2", 200, 300, 100) + extra), 60) == plain


def test_a_fault_of_all_is_neither_quiet_nor_a_cameras() -> None:
    killed = Ordeal(Fault("kill_worker", "vision"), began_s=250, ended_s=250, recovered_s=260)
    seen = watch([GONE, killed], delays("cam2", 60, 250, 100) + delays("cam2", 250, 260, 900))
    told = neighbours(seen, 60)
    assert told is not None
    assert told.events == (50, 140)
    assert told.beside_fault_ms == pytest.approx(109, abs=1)


def test_a_cameras_worker_that_is_killed_is_that_cameras_fault() -> None:
    killed = Ordeal(Fault("kill_worker", "camera-cam1"), began_s=200, ended_s=200, recovered_s=None)
    told = neighbours(watch([killed], delays("cam2", 60, 300, 100)), 60)
    assert told is not None
    assert told.events == (100, 140)


def test_without_a_cameras_fault_there_is_nothing_to_compare() -> None:
    assert neighbours(watch([], delays("cam2", 60, 300, 100)), 60) is None
