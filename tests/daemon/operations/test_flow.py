from dataclasses import dataclass

from daemon.operations.flow import STARVED_S, FlowWatch
from daemon.operations.status import CameraStatus


def camera(name: str, state: str, analysed: int) -> CameraStatus:
    return CameraStatus(
        name=name, state=state, detail="", since_wall_ns=0, captured=0, analysed=analysed, in_flight=0, dropped={}
    )


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


def flow_after(seconds: int, *stories) -> FlowWatch:
    """Looks once a second; a story is a name, a state, and the second up to which frames are analysed."""
    clock = Clock()
    watch = FlowWatch(clock)
    for second in range(seconds):
        clock.now_s += 1
        watch.look([camera(name, state, min(second, until)) for name, state, until in stories])
    return watch


def test_frames_that_are_analysed_flow():
    assert flow_after(100, ("door", "streaming", 100)).flows


def test_a_camera_that_streams_to_nobody_is_stuck():
    watch = flow_after(100, ("door", "streaming", 20))
    assert not watch.flows
    assert watch.silent_s("door") > STARVED_S


def test_one_camera_that_flows_is_enough():
    watch = flow_after(100, ("door", "streaming", 20), ("yard", "streaming", 100))
    assert watch.flows
    assert watch.silent_s("door") > STARVED_S


def test_cameras_that_are_down_starve_nobody():
    watch = flow_after(100, ("door", "backoff", 20), ("yard", "paused", 0), ("hall", "auth_failed", 0))
    assert watch.flows
    assert watch.silent_s("door") == 0


def test_without_cameras_nothing_is_stuck():
    assert flow_after(100).flows
