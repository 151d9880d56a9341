import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from daemon.soak.wall_clock import WallClock
from daemon.worker_process import worker_environment

TELL = """
import datetime, sys, time
for _ in sys.stdin:
    time.sleep(0.001)
    print(time.time(), time.monotonic(), datetime.datetime.now().timestamp(), flush=True)
"""


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    made = WallClock.make(tmp_path)
    if made is None:
        pytest.skip("needs apt-get install --no-install-recommends gcc libc6-dev")
    return made


@contextmanager
def asked(clock: WallClock) -> Iterator["subprocess.Popen[str]"]:
    """A worker's environment, so that what the supervisor passes on is enough."""
    environment = worker_environment({**os.environ, **clock.environment})
    program = [sys.executable, "-c", TELL]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as teller:
        yield teller


def ask(teller: "subprocess.Popen[str]") -> tuple[float, float, float]:
    assert teller.stdin
    assert teller.stdout
    teller.stdin.write("now\n")
    teller.stdin.flush()
    wall, monotonic, date = map(float, teller.stdout.readline().split())
    return wall, monotonic, date


@pytest.mark.parametrize("step_s", [0.0, 3600.0, -3600.0, 40 * 86400.0])
def test_a_step_moves_the_wall_clock_of_its_processes_and_no_other_clock(clock: WallClock, step_s: float) -> None:
    with asked(clock) as teller:
        ask(teller)
        clock.set_ahead(step_s)
        wall, monotonic, date = ask(teller)
    assert wall == pytest.approx(time.time() + step_s, abs=5)
    assert date == pytest.approx(datetime.now().timestamp() + step_s, abs=5)
    assert monotonic == pytest.approx(time.monotonic(), abs=5)
    assert clock.now_ns() == pytest.approx(time.time_ns() + step_s * 1e9, abs=5e9)


def test_without_a_compiler_the_soak_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    assert WallClock.make(tmp_path) is None
    assert "soak_without_clock_step" in caplog.text
