import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "deconvid.service"
MOST_EXPOSURE = 20
"""Ten times the score of `systemd-analyze security`, where 100 is a service without any sandbox."""

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture
def unit(tmp_path):
    """The unit with a program that exists, or verify would complain about that alone."""
    path = tmp_path / "deconvid.service"
    path.write_text(UNIT.read_text().replace("/opt/deconvid/.venv/bin/deconvid", "/bin/true"))
    return path


def test_systemd_understands_every_line(unit):
    # An unknown key is only a line on stderr: the exit code stays 0.
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_sandbox_is_tight(unit):
    command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={MOST_EXPOSURE}", unit]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:]
