"""Secrets are planted wherever an operator may put one; then everything that leaves the daemon is searched for them."""

import http.client
import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from rig.daemon import Daemon

PLANTED = {
    "url": "planted-in-url",
    "query": "planted-in-query",
    "key": "planted-in-key",
    "credential": "planted-in-credential",
    "variable": "planted-in-variable",
    "odd": 'planted/with "odd" @ % signs',
}
SPELLINGS = [*PLANTED.values(), "planted%2Fwith", 'planted/with \\"odd', "planted"]

CONFIG = """
state = "{folder}/state"
web.listen = "127.0.0.1:{port}"

[cameras.url]
url = "rtsp://viewer:planted-in-url@127.0.0.1:{rude}/x?key=planted-in-query"
[cameras.key]
url = "rtsp://127.0.0.1:1/x"
username = "viewer"
password = "planted-in-key"
[cameras.credential]
url = "rtsp://viewer:${{CAMERA_CREDENTIAL}}@127.0.0.1:1/x"
[cameras.variable]
url = "rtsp://127.0.0.1:1/x"
username = "viewer"
password = "${{CAMERA_VARIABLE}}"
[cameras.odd]
url = "rtsp://127.0.0.1:{rude}/x"
username = "viewer"
password = 'planted/with "odd" @ % signs'
[cameras.file]
url = "{clip}"
"""


@pytest.fixture
def rude():
    """Port of a camera that hangs up at once: it gets what a refused connection never shows to FFmpeg, the address."""
    with ThreadingTCPServer(("127.0.0.1", 0), BaseRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def start(tmp_path, make_clip, rude):
    """`start()` runs a daemon on five dead cameras and a file."""
    started = []
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "CAMERA_CREDENTIAL").write_text(PLANTED["credential"])
    environment = os.environ | {
        "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
        "CAMERA_VARIABLE": PLANTED["variable"],
    }

    def run():
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        config = tmp_path / "config.toml"
        config.write_text(CONFIG.format(folder=tmp_path, port=port, rude=rude, clip=make_clip(seconds=60)))
        with (tmp_path / "log").open("wb") as log:
            command = [sys.executable, "-m", "daemon.cli", "run", "--verbose", "--config", config]
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        started.append(Daemon(tmp_path, config, process))
        return started[-1], port, environment

    yield run
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.stop()


def get(port, path):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def command(environment, config, *words):
    done = subprocess.run(
        [sys.executable, "-m", "daemon.cli", *words, "--config", config],
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.stdout + done.stderr


def processes_of(daemon):
    """What anybody at the machine can read of the workers: their arguments, their titles, and their environment."""
    pids = re.findall(r"pid=(\d+)", daemon.log)
    assert len(pids) >= 8
    shown = [Path(f"/proc/{daemon.process.pid}/cmdline").read_bytes()]
    shown += [Path(f"/proc/{pid}/{part}").read_bytes() for pid in pids for part in ("cmdline", "comm", "environ")]
    return b"\n".join(shown).decode(errors="replace")


def files_of(folder):
    """What it wrote into its state and runtime folder."""
    paths = [path for path in (folder / "state").rglob("*") if path.is_file()]
    assert paths
    return b"\n".join(path.read_bytes() for path in paths).decode(errors="replace")


def test_no_secret_leaves_the_daemon(start):
    daemon, port, environment = start()
    daemon.wait_for("camera_retry camera=url")
    daemon.wait_for("camera_retry camera=odd")
    daemon.wait_for("web_listening")
    said = {
        "processes": processes_of(daemon),
        **{path: get(port, path) for path in ("/metrics", "/health", "/status", "/x")},
        **{
            " ".join(words): command(environment, daemon.config, *words)
            for words in (("config", "show", "--json"), ("check",), ("doctor", "--json"))
        },
    }
    daemon.stop()
    said |= {"log": daemon.log, "files": files_of(daemon.folder)}
    found = [(place, secret) for place, text in said.items() for secret in SPELLINGS if secret in text]
    assert found == []
    assert "cameras.url.url" in said["config show --json"]
    assert "connection refused" in said["log"]
