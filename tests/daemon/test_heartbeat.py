import time

import pytest

from daemon.heartbeat import Heartbeat


def test_the_supervisor_sees_the_workers_beat(tmp_path):
    seen = Heartbeat.create(tmp_path / "heartbeat")
    worker = Heartbeat.open(tmp_path / "heartbeat")
    time.sleep(0.1)
    assert seen.age_s() >= 0.1
    worker.beat()
    assert seen.age_s() < 0.1
    worker.close()
    seen.close()


def test_a_worker_needs_the_supervisors_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Heartbeat.open(tmp_path / "heartbeat")
