"""The daemon under the unit's own system call filter: a filter that is too tight shows only when it runs."""

import ctypes.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SANDBOX = Path(__file__).with_name("sandbox.py")
UNIT = Path(__file__).parents[2] / "systemd" / "deconvid.service"

pytestmark = [
    pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"),
    pytest.mark.skipif(not ctypes.util.find_library("seccomp"), reason="libseccomp is not installed"),
]


def test_the_filter_is_the_units():
    assert re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), re.M) == ["@system-service", "~@privileged"]


def test_what_is_denied_fails():
    command = [sys.executable, SANDBOX, sys.executable, "-c", "import os; os.chown('/', -1, -1)"]
    assert "PermissionError" in subprocess.run(command, capture_output=True, text=True).stderr


def test_the_daemon_works_with_what_is_left(tmp_path, make_clip):
    config = tmp_path / "config.toml"
    config.write_text(f'state = "{tmp_path}/state"\nweb.listen = ""\n[cameras.door]\nurl = "{make_clip()}"\n')
    run = [sys.executable, "-m", "daemon.cli", "run", "--fast", "--config", config]
    done = subprocess.run([sys.executable, SANDBOX, *run], capture_output=True, text=True, timeout=100)
    assert "frames camera=door captured=30 analysed=10" in done.stderr
    assert done.returncode == 0
    assert "worker_died" not in done.stderr
