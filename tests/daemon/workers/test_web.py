"""The real worker process, on a runtime folder that the test writes."""

import http.client
import json
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rig.statuses import make_camera, make_status

from daemon.heartbeat import Heartbeat
from daemon.operations.status import FILE_NAME, Ill, write_status
from daemon.workers.task import WebTask

PATIENCE_S = 20.0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class WebRun:
    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.heartbeat = Heartbeat.create(folder / "heartbeat")
        self.log = folder / "log"
        task = WebTask(
            host="127.0.0.1",
            port=port,
            runtime=str(folder),
            heartbeat=str(folder / "heartbeat"),
            reports=f"ipc://{folder}/reports",
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "daemon.workers.web"], stdin=subprocess.PIPE, stderr=log
            )
        self.process.stdin.write(msgspec.json.encode(task) + b"\n")
        self.process.stdin.flush()

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def get(self, path: str) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def tell(self, **changes) -> None:
        write_status(self.folder, make_status(**{"written_wall_ns": time.time_ns()} | changes))

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(5)


@pytest.fixture
def start_web(tmp_path):
    runs = []

    def start(port: int | None = None) -> WebRun:
        runs.append(WebRun(tmp_path, port or free_port()))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.communicate()
        run.heartbeat.close()


def test_metrics_health_and_status_follow_the_supervisor(start_web):
    web = start_web()
    web.wait_for("web_listening")
    web.tell()
    status, text = web.get("/metrics")
    assert status == 200
    assert "deconvid_status_readable" in {family.name for family in text_string_to_metric_families(text)}
    assert web.get("/health")[0] == 200
    stalled = make_camera(state="stalled", detail="no picture for 5 s")
    web.tell(cameras=(stalled,), ills=(Ill("camera-door", stalled.state, stalled.detail),))
    status, text = web.get("/health")
    assert status == 503
    assert json.loads(text)["ills"][0]["subject"] == "camera-door"
    assert json.loads(web.get("/status")[1])["cameras"][0]["state"] == "stalled"
    assert web.stop() == 0


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"version":"0.1.0","pid":4', b"[]", b"\xff" * 100])
def test_a_status_that_is_missing_or_damaged_is_an_ill_not_a_crash(start_web, content):
    web = start_web()
    web.wait_for("web_listening")
    if content is not None:
        (web.folder / FILE_NAME).write_bytes(content)
    assert web.get("/health")[0] == 503
    assert web.get("/status")[0] == 503
    assert "deconvid_status_readable 0.0" in web.get("/metrics")[1]


def test_a_port_in_use_is_told_and_tried_again(start_web):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        web = start_web(taken.getsockname()[1])
        web.wait_for("web_cannot_listen")
        assert web.heartbeat.age_s() < 5
    web.wait_for("web_listening")
    assert web.get("/status")[0] == 503


@pytest.mark.slow
def test_ten_thousand_requests_leave_it_as_it_was(start_web):
    web = start_web()
    web.wait_for("web_listening")
    web.tell()
    web.get("/metrics")
    statm = Path(f"/proc/{web.process.pid}/statm")
    before = int(statm.read_text().split()[1])
    for number in range(10_000):
        assert web.get(("/metrics", "/health", "/status", "/nothing")[number % 4])[0] in (200, 404, 503)
    grown_mb = (int(statm.read_text().split()[1]) - before) * 4096 / 1e6
    assert grown_mb < 5
    assert len(list(Path(f"/proc/{web.process.pid}/fd").iterdir())) < 40
