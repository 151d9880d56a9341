import pytest
from rig.statuses import AN_HOUR_AGO_NS, NOW_NS, make_status

from daemon.operations.health import health_of
from daemon.operations.status import Ill

AN_HOUR_AGO = "2027-01-15T07:00:00Z"
STALLED = Ill("camera-door", "stalled", "no picture for 5 s", AN_HOUR_AGO)


def test_a_daemon_that_works_is_healthy():
    health = health_of(make_status(), NOW_NS)
    assert (health.healthy, health.ills) == (True, ())


def test_what_the_status_calls_ill_is_ill():
    health = health_of(make_status(ills=(STALLED,)), NOW_NS)
    assert (health.healthy, health.ills) == (False, (STALLED,))


def test_a_supervisor_that_writes_no_more_is_an_ill_besides():
    health = health_of(make_status(written_wall_ns=AN_HOUR_AGO_NS, ills=(STALLED,)), NOW_NS)
    assert not health.healthy
    assert [(ill.subject, ill.state, ill.since) for ill in health.ills] == [
        ("supervisor", "silent", AN_HOUR_AGO),
        ("camera-door", "stalled", AN_HOUR_AGO),
    ]


@pytest.mark.parametrize("state", ["starting", "stopping"])
def test_a_daemon_that_does_not_work_yet_or_any_more_is_not_healthy(state):
    assert not health_of(make_status(state=state), NOW_NS).healthy


def test_no_status_is_no_health():
    health = health_of(None, NOW_NS)
    assert (health.healthy, health.state) == (False, "unknown")
