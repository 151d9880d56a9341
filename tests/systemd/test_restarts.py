"""What systemd does not try again is what a restart would not help."""

import fcntl
import re
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.cli.common import EXIT_CONFIG
from daemon.exits import EXIT_CANNOT_BOOT

UNIT = Path(__file__).parents[2] / "systemd" / "deconvid.service"
FINAL = {int(code) for code in re.findall(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.M)[0].split()}


@pytest.fixture
def run(tmp_path, make_clip):
    """`run(state)` runs a daemon that cannot start; returns its exit code and what it says."""

    def run(state: Path) -> tuple[int, str]:
        config = tmp_path / "config.toml"
        config.write_text(f'state = "{state}"\nweb.listen = ""\n[cameras.door]\nurl = "{make_clip()}"\n')
        command = [sys.executable, "-m", "daemon.cli", "run", "--config", config]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    return run


def test_a_damaged_database_is_final(run, tmp_path):
    (tmp_path / "identities.sqlite").write_bytes(b"no database" * 1000)
    code, told = run(tmp_path)
    assert code == EXIT_CANNOT_BOOT
    assert "error:" in told
    assert "identities.sqlite" in told


def test_what_waiting_does_not_help_is_final_and_a_crash_loop_ends():
    assert {EXIT_CONFIG, EXIT_CANNOT_BOOT} == FINAL
    assert re.search(r"^StartLimitBurst=[1-9]", UNIT.read_text(), re.M)


def test_a_folder_that_another_daemon_holds_is_tried_again(run, tmp_path):
    with (tmp_path / "daemon.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, told = run(tmp_path)
    assert "another daemon" in told
    assert code == 1
