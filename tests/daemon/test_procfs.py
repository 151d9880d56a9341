"""What is asked of the kernel about processes."""

import os
import subprocess
import sys

import pytest

from daemon.procfs import NO_USAGE, resident_bytes, usage_of


def test_a_process_of_our_own_uses_memory_and_time() -> None:
    usage = usage_of(os.getpid())
    assert usage.memory_bytes == pytest.approx(resident_bytes(), rel=0.2)
    assert usage.cpu_s > 0


def test_nothing_is_used_by_what_is_gone() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert usage_of(gone.pid) == usage_of(None) == NO_USAGE


LOOKS = """
import os
from daemon.procfs import resident_bytes, usage_of

def looks(count):
    for _ in range(count):
        usage_of(os.getpid())
    return resident_bytes()

before = looks(1000)
print(looks(30_000) - before)
"""


def test_looking_for_hours_takes_no_memory() -> None:
    done = subprocess.run([sys.executable, "-c", LOOKS], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000
