"""Commands of somebody who may not look into the service's folders."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.store import Store

AS_ANOTHER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""What takes from root the right to pass by permissions."""

Deconvid = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def deconvid(tmp_path: Path) -> Iterator[Deconvid]:
    state = tmp_path / "state"
    Store.open(state / "identities.sqlite").close()
    (tmp_path / "config.toml").write_text(
        f'state = "{state}"\nbridges.log = {{ kind = "jsonl", path = "{state}/log" }}\n'
    )
    state.chmod(0)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*AS_ANOTHER, sys.executable, "-m", "daemon.cli", *words, "-c", str(tmp_path / "config.toml")]
        return subprocess.run(command, capture_output=True, text=True)

    yield run
    state.chmod(0o700)


@pytest.mark.parametrize(
    "command",
    [
        *("people list", "store check", "bridges list", "bridges dead log", "engines list"),
        *("status", "status --json", "cameras list", "cameras pause door", "reload", "events replay", "events tail"),
    ],
)
def test_a_forgotten_sudo_is_told_in_one_line(deconvid: Deconvid, command: str) -> None:
    done = deconvid(*command.split())
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "Permission denied. Run this with sudo" in line


def test_the_doctor_goes_on(deconvid: Deconvid) -> None:
    done = deconvid("doctor", "--no-cameras", "--json")
    found = {(finding["area"], finding["subject"]): finding for finding in json.loads(done.stdout)}
    assert "sudo" in found["keys", "key ring"]["fix"]
    assert ("runtimes", "onnxruntime") in found
    assert done.returncode == 1
