import pytest
from rig.statuses import NOW_NS, make_camera, make_status, make_worker

from config import CameraSettings
from daemon.operations.flow import FlowWatch
from daemon.operations.health import health_of
from daemon.operations.ills import UNSEEN_S, IllBook, camera_ills, disk_ills, worker_ills
from daemon.operations.status import Ill

AN_HOUR_AGO = "2027-01-15T07:00:00Z"
SETTINGS = {"door": CameraSettings(url="clip.mp4")}


def of_camera(flow=None, **changes):
    return [*camera_ills([make_camera(**changes)], SETTINGS, flow or FlowWatch(), NOW_NS)]


def of_worker(crash_looping=(), **changes):
    return [*worker_ills([make_worker(**changes)], {*crash_looping})]


@pytest.mark.parametrize("state", ["streaming", "paused", "ended"])
def test_a_camera_that_does_what_it_should_is_no_ill(state):
    assert of_camera(state=state) == []


def test_a_camera_that_does_not_stream_is_told_at_once_with_its_cause_and_since_when():
    assert of_camera(state="stalled", detail="no picture for 5 s") == [
        Ill("camera-door", "stalled", "no picture for 5 s", AN_HOUR_AGO)
    ]
    assert of_camera(state="auth_failed", since_wall_ns=NOW_NS)


@pytest.mark.parametrize("state", ["connecting", "starting"])
@pytest.mark.parametrize(("seconds", "ill"), [(20, False), (29, False), (31, True)])
def test_a_camera_may_take_half_a_minute_to_connect(state, seconds, ill):
    """And whoever is asked, `/health` or `deconvid status`, says the same."""
    found = of_camera(state=state, detail="", since_wall_ns=NOW_NS - seconds * 10**9)
    assert bool(found) is ill
    status = make_status(ills=IllBook().enter(found))
    assert health_of(status, NOW_NS).healthy is not ill
    assert health_of(status, NOW_NS).ills == status.ills


def test_a_camera_that_nobody_looks_at_is_told():
    moment = [0.0]
    flow = FlowWatch(lambda: moment[0])
    flow.look([make_camera()])
    assert of_camera(flow) == []
    moment[0] = UNSEEN_S + 1
    assert [ill.state for ill in of_camera(flow)] == ["unseen"]


@pytest.mark.parametrize(
    ("state", "restarts", "ill"),
    [
        ("running", 3, False),
        ("ended", 0, False),
        ("starting", 0, False),
        ("starting", 1, True),
        ("restarting", 1, True),
        ("failed", 0, True),
    ],
)
def test_a_worker_that_is_gone_is_told_until_it_is_back(state, restarts, ill):
    assert of_worker(state=state, restarts=restarts) == ([Ill("vision", state, "", AN_HOUR_AGO)] if ill else [])


def test_a_worker_that_dies_again_and_again_is_one_ill_however_it_is_now():
    both = [of_worker(["vision"], state=state, restarts=9) for state in ("starting", "restarting")]
    assert both[0] == both[1]
    assert [ill.state for ill in both[0]] == ["crash_looping"]


def test_a_worker_that_runs_but_cannot_work_is_told():
    ill = "127.0.0.1 port 9780: Address already in use"
    assert of_worker(name="web", role="web", ill=ill) == [Ill("web", "running", ill)]


def test_folders_that_are_there_and_one_that_is_not(tmp_path):
    assert {ill.state for ill in disk_ills(tmp_path, tmp_path)} <= {"full"}
    assert [ill.state for ill in disk_ills(tmp_path / "gone", tmp_path)] == ["unreadable"]


def test_an_ill_keeps_its_first_moment_while_it_lasts():
    book, lasting, dated = IllBook(), Ill("web", "running", "no port"), Ill("camera-door", "stalled", "", AN_HOUR_AGO)
    first = book.enter([lasting, dated])
    assert first[0].since
    assert first[1] == dated
    assert book.enter([Ill("web", "running", "another port")])[0].since == first[0].since


def test_an_ill_in_words():
    ill = Ill("camera-door", "auth_failed", "wrong password", AN_HOUR_AGO)
    assert str(ill) == f"camera-door auth failed: wrong password (since {AN_HOUR_AGO})"
    assert str(Ill("vision", "failed")) == "vision failed"
