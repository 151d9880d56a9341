import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.operations.installation import render_unit, verify_unit

MOST_EXPOSURE = 15
"""Ten times the score of `systemd-analyze security`, where 100 is a service without any sandbox."""

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture(params=[None, "daemon"], ids=["own-user", "named-user"])
def unit(request):
    """The unit with a program that exists, or verify would complain about that alone."""
    return render_unit(Path("/bin/true"), request.param)


def test_systemd_understands_every_line(unit):
    assert verify_unit(unit) == ""


def test_an_unknown_line_would_be_found(unit):
    assert "'Nonsense'" in verify_unit(unit.replace("UMask=", "Nonsense="))
    assert "/nonexistent" in verify_unit(unit.replace("/bin/true", "/nonexistent"))


def test_the_sandbox_is_tight(unit, tmp_path):
    path = tmp_path / "deconvid.service"
    path.write_text(unit)
    command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={MOST_EXPOSURE}", path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("program", ["/opt/with blank/deconvid", "/opt/100%/deconvid"])
def test_an_unusual_path_is_quoted(program):
    assert f"Command {program} is not executable" in verify_unit(render_unit(Path(program)))
