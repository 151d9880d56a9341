"""The whole daemon with its store in PostgreSQL."""

import os
import subprocess
import sys

import pytest
from rig.postgres import PostgresServer


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
