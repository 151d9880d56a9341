"""A master key that others may read is told by `deconvid check` and at the daemon's start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import load_settings
from daemon.house import House

TOLD = "others than the daemon's user may read its file"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(f'state = "{tmp_path}/state"\n[cameras.door]\nurl = "{file}"\n')
    return file


def test_key_that_others_may_read_is_warned_of_by_check_and_run(config: Path) -> None:
    # A daemon that runs already ends the second one before it does anything.
    with House.open(load_settings(config)) as house:
        (house.settings.state / "master.key").chmod(0o644)
        checked, started = deconvid(config, "check"), deconvid(config, "run")
    assert (checked.returncode, "warning: privacy.master_key: " + TOLD in checked.stderr) == (0, True)
    assert "another daemon" in started.stderr
    assert TOLD in started.stderr


def deconvid(config: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DECONVID_CONFIG": str(config), "COLUMNS": "200"}
    run = [sys.executable, "-m", "daemon.cli", command]
    return subprocess.run(run, env=environment, capture_output=True, text=True, timeout=60)
