"""What a camera's fault costs the cameras beside it."""

from collections.abc import Iterable

import pytest

from daemon.demo.verdict import Verdict
from daemon.soak.neighbours import neighbours
from daemon.soak.schedule import Fault
from daemon.soak.watch import Delay, Ordeal, Watch

GONE = Ordeal(Fault("camera_gone", "cam1"), began_s=200, ended_s=210, recovered_s=300)
QUIET = (60, 200)
BESIDE = (200, 300)


def watch(ordeals: Iterable[Ordeal], delays: Iterable[Delay]) -> Watch:
    return Watch(Verdict({}, []), ordeals=list(ordeals), delays=list(delays))


def delays(camera: str, span_s: tuple[int, int], ms: float) -> list[Delay]:
    return [Delay(at_s, camera, ms * (1 + at_s % 10 / 100)) for at_s in range(*span_s)]


def test_it_tells_how_much_later_the_others_were() -> None:
    told = neighbours(watch([GONE], delays("cam2", QUIET, 100) + delays("cam2", BESIDE, 150)), 60)
    assert told is not None
    assert told.p95_ms == {"cam2": pytest.approx((163.5, 109), abs=0.1)}
    assert told.more_percent == pytest.approx((50, 50, 50), abs=0.1)
    assert told.events == (100, 140)


def test_each_is_compared_with_itself() -> None:
    slow, fast = delays("cam2", (60, 110), 900) + delays("cam2", BESIDE, 900), delays("cam3", QUIET, 90)
    told = neighbours(watch([GONE], slow + fast + delays("cam3", (200, 250), 90)), 60)
    assert told is not None
    assert told.more_percent == pytest.approx((0, 0, 0), abs=0.1)


def test_what_varies_from_block_to_block_widens_the_interval() -> None:
    varying = [each for start in range(200, 300, 10) for each in delays("cam2", (start, start + 10), start)]
    told = neighbours(watch([GONE], delays("cam2", QUIET, 250) + varying), 60)
    assert told is not None
    more, low, high = told.more_percent
    assert low < more - 3 < more < high + 1


def test_the_camera_that_is_struck_and_the_start_count_for_nothing() -> None:
    seen = delays("cam2", QUIET, 100) + delays("cam2", BESIDE, 100)
    extra = delays("cam1", QUIET, 90) + delays("cam1", BESIDE, 900) + delays("cam2", (0, 60), 900)
    told, plain = neighbours(watch([GONE], seen + extra), 60), neighbours(watch([GONE], seen), 60)
    assert told is not None
    assert plain is not None
    assert told.p95_ms == plain.p95_ms


def test_a_fault_of_all_is_neither_quiet_nor_a_cameras() -> None:
    killed = Ordeal(Fault("kill_worker", "vision"), began_s=300, ended_s=300, recovered_s=310)
    seen = delays("cam2", QUIET, 100) + delays("cam2", BESIDE, 100) + delays("cam2", (300, 310), 900)
    told = neighbours(watch([GONE, killed], seen), 60)
    assert told is not None
    assert told.events == (100, 140)


def test_a_cameras_worker_that_is_killed_is_that_cameras_fault() -> None:
    killed = Ordeal(Fault("kill_worker", "camera-cam1"), began_s=200, ended_s=200, recovered_s=None)
    told = neighbours(watch([killed], delays("cam2", (60, 300), 100)), 60)
    assert told is not None
    assert told.events == (100, 140)


@pytest.mark.parametrize(
    "ordeal",
    [
        Ordeal(Fault("camera_gone", "cam1"), began_s=200, ended_s=200, refused="no such camera"),
        Ordeal(Fault("camera_gone", "cam1"), began_s=200, ended_s=210, recovered_s=260),
    ],
)
def test_of_too_little_nothing_is_told(ordeal: Ordeal) -> None:
    assert neighbours(watch([ordeal], delays("cam2", (60, 300), 100)), 60) is None
