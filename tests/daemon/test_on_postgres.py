"""The whole daemon with its store in PostgreSQL."""

import os
import subprocess
import sys
import time

import pytest
from rig.daemon import collect
from rig.postgres import PostgresServer

from deconvid_client import Subscriber


def test_daemon_and_commands_share_a_postgresql_store(
    monkeypatch: pytest.MonkeyPatch, start_daemon, corridor_clip, postgres: PostgresServer
) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "hunter2")
    url = postgres.new_database().replace("deconvid@", "deconvid:${STORE_PASSWORD}@")
    daemon = start_daemon({"door": corridor_clip}, "--fast", head=f'database_url = "{url}"')
    assert daemon.wait() == 0
    events = daemon.events()
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert "Eileen Collins" in {event.person.name for event in events if event.kind == "face.identified"}
    assert not daemon.settings.database.exists()
    command = [
        sys.executable,
        "-m",
        "daemon.cli",
        "people",
        "erase",
        "Eileen Collins",
        "--yes",
        "--config",
        daemon.config,
    ]
    subprocess.run(command, check=True, env=dict(os.environ))
    assert "Eileen" not in str(daemon.events())
    assert "hunter2" not in daemon.log


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_server_that_is_away_for_a_while_costs_nothing(
    start_daemon, rtsp_camera, corridor_clip, postgres: PostgresServer
) -> None:
    head = f'database_url = "{postgres.new_database()}"'
    daemon = start_daemon({"door": rtsp_camera(cam=corridor_clip).url()}, head=head)
    with Subscriber(daemon.settings.events_endpoint, after="start") as subscriber:
        heard = collect(subscriber, lambda event: event.kind == "face.identified")
        postgres.stop()
        daemon.wait_for("cannot be reached")
        time.sleep(5)
        postgres.start()
        last = collect(subscriber, lambda event: event.sequence > heard[-1].sequence + 2)[-1]
    assert daemon.log.count("worker_started") == 4  # bus, identity, vision and the camera, each once
    daemon.stop()
    assert [event.sequence for event in daemon.events()][: last.sequence] == list(range(1, last.sequence + 1))
