import pytest
from rig.statuses import AN_HOUR_AGO_NS, NOW_NS, make_camera, make_status, make_worker

from daemon.operations.health import health_of

AN_HOUR_AGO = "2027-01-15T07:00:00Z"


def ills(**changes):
    health = health_of(make_status(**changes), NOW_NS)
    assert health.healthy is not bool(health.ills)
    return [(ill.subject, ill.state, ill.since) for ill in health.ills]


def test_a_daemon_that_works_is_healthy():
    assert ills() == []


def test_a_camera_that_does_not_stream_is_told_with_its_cause_and_since_when():
    camera = make_camera(state="stalled", detail="no picture for 5 s")
    health = health_of(make_status(cameras=(camera, make_camera("yard"))), NOW_NS)
    [ill] = health.ills
    assert (ill.subject, ill.state, ill.detail, ill.since) == (
        *("camera-door", "stalled", "no picture for 5 s"),
        AN_HOUR_AGO,
    )
    assert not health.healthy


@pytest.mark.parametrize("state", ["streaming", "paused", "ended"])
def test_a_camera_that_does_what_it_should_is_no_ill(state):
    assert ills(cameras=(make_camera(state=state),)) == []


def test_a_camera_may_take_its_time_to_connect():
    assert ills(cameras=(make_camera(state="connecting", since_wall_ns=NOW_NS - 10**9),)) == []
    assert ills(cameras=(make_camera(state="connecting"),)) == [("camera-door", "connecting", AN_HOUR_AGO)]


@pytest.mark.parametrize("state", ["starting", "restarting", "failed"])
def test_a_stage_that_does_not_run_is_told(state):
    assert ills(workers=(make_worker(state=state),)) == [("vision", state, AN_HOUR_AGO)]


def test_what_the_supervisor_alone_knows_is_told_in_its_words():
    health = health_of(make_status(ills=("vision looks at no frame since 07:00",)), NOW_NS)
    assert not health.healthy
    assert health.told == ("vision looks at no frame since 07:00",)


def test_a_worker_that_runs_but_cannot_work_is_told():
    worker = make_worker("web", "web", ill="127.0.0.1 port 9780: Address already in use")
    [ill] = health_of(make_status(workers=(worker,)), NOW_NS).ills
    assert (ill.subject, ill.state, ill.detail) == ("web", "running", worker.ill)


def test_a_supervisor_that_writes_no_more_is_an_ill():
    assert ills(written_wall_ns=AN_HOUR_AGO_NS) == [("supervisor", "silent", AN_HOUR_AGO)]


@pytest.mark.parametrize("state", ["starting", "stopping"])
def test_a_daemon_that_does_not_work_yet_or_any_more_is_not_healthy(state):
    assert not health_of(make_status(state=state), NOW_NS).healthy


def test_no_status_is_no_health():
    health = health_of(None, NOW_NS)
    assert (health.healthy, health.state) == (False, "unknown")
