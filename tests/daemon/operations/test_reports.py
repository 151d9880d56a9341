import pytest
import zmq

from daemon.messages import CameraReport, WorkerReport, encode
from daemon.operations.reports import MOST_AT_ONCE, Reports


@pytest.fixture
def context():
    with zmq.Context() as context:
        yield context


@pytest.fixture
def reports(context, tmp_path):
    with Reports(context, f"ipc://{tmp_path}/reports") as reports:
        yield reports


@pytest.fixture
def worker(context, reports, tmp_path):
    with context.socket(zmq.PUSH) as worker:
        worker.connect(f"ipc://{tmp_path}/reports")
        yield worker


def receive(reports: Reports) -> None:
    assert reports.socket.poll(1000)
    reports.receive({"vision", "camera-door"})


def test_the_newest_report_counts_until_its_worker_dies(reports, worker):
    worker.send(encode(WorkerReport("vision", counters={"looks": 1})))
    receive(reports)
    worker.send(encode(WorkerReport("vision", counters={"looks": 2})))
    receive(reports)
    assert reports.of("vision").counters == {"looks": 2}
    reports.forget("vision")
    assert reports.of("vision") == WorkerReport("vision")


def test_reports_of_nobody_and_bytes_of_no_report_are_counted(reports, worker):
    for data in (b"", b"\xc1", b"\xff" * 100, encode(WorkerReport("stranger")), b"\x81\xa4type\xa6\xff\xfe"):
        worker.send(data)
        receive(reports)
    assert reports.counts["bad_reports"] == 5
    assert reports.of("stranger") == WorkerReport("stranger")


def test_a_flood_keeps_nobody_waiting(reports, worker):
    report = encode(WorkerReport("camera-door", camera=CameraReport("streaming", "", 1)))
    for _ in range(3 * MOST_AT_ONCE):
        worker.send(report)
    rounds = 0
    while reports.socket.poll(200):
        reports.receive({"camera-door"})
        rounds += 1
    assert rounds >= 3
