import pytest
import zmq

from daemon.messages import CameraReport, decode_report
from daemon.operations.reporter import LatencyHistogram, Reporter


@pytest.fixture
def context():
    with zmq.Context() as context:
        yield context


@pytest.fixture
def endpoint(tmp_path):
    return f"ipc://{tmp_path}/reports"


def received(supervisor):
    assert supervisor.poll(2000), "no report came"
    return decode_report(supervisor.recv())


def test_a_report_says_everything(context, endpoint):
    histogram = LatencyHistogram((10.0, 100.0))
    for ms in (5, 10, 11, 1000):
        histogram.add(ms)
    camera = CameraReport("streaming", "", 7)
    with context.socket(zmq.PULL) as supervisor, Reporter(context, endpoint, "vision") as reporter:
        supervisor.bind(endpoint)
        reporter.report(counters={"looks": 3}, gauges={"batch": 1.5}, histograms={"look_ms": histogram}, camera=camera)
        report = received(supervisor)
    assert (report.worker, report.counters, report.gauges, report.camera) == (
        "vision",
        {"looks": 3},
        {"batch": 1.5},
        camera,
    )
    assert (report.histograms["look_ms"].counts, report.histograms["look_ms"].total_ms) == ((2, 1, 1), 1026)


def test_there_is_one_report_a_second(context, endpoint):
    now_s = 100.0
    with (
        context.socket(zmq.PULL) as supervisor,
        Reporter(context, endpoint, "vision", clock=lambda: now_s) as reporter,
    ):
        supervisor.bind(endpoint)
        for tenth in range(25):
            now_s = 100 + tenth / 10
            if reporter.is_due:
                reporter.report(counters={"tenth": tenth})
                assert received(supervisor).counters == {"tenth": tenth}
                reporter.report(counters={"tenth": -1})
        assert not supervisor.poll(50)
        assert tenth == 24


def test_nobody_waits_for_a_supervisor_that_is_away_and_the_newest_report_wins(context, endpoint):
    now_s = 0.0
    with Reporter(context, endpoint, "vision", clock=lambda: now_s) as reporter:
        for second in range(5000):
            now_s = float(second)
            reporter.report(counters={"looks": second})
        with context.socket(zmq.PULL) as supervisor:
            supervisor.bind(endpoint)
            assert received(supervisor).counters == {"looks": 4999}
