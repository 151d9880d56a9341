"""Python, processor, memory and clock."""

import ctypes
import os
import platform
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from daemon.doctor.finding import Finding

PYTHONS = ((3, 11), (3, 13))
FAST = ("avx512f", "avx2", "asimd")
"""What makes the networks fast, best first."""
LEAST_MEMORY_GB = 1.0
"""Two cameras with their networks take half of it."""
TIME_ERROR = 5
"""What adjtimex(2) returns for a clock that nothing keeps right."""
SIZE_OF_TIMEX = 256
"""Bytes; struct timex has 208."""


def examine_machine(proc: Path = Path("/proc")) -> Iterator[Finding]:
    yield _python(sys.version_info[:2])
    yield _processor((proc / "cpuinfo").read_text(errors="replace"), len(os.sched_getaffinity(0)))
    yield _memory((proc / "meminfo").read_text())
    yield _clock(_kernel_clock_state(), time.time())


def _python(version: tuple[int, int]) -> Finding:
    least, most = PYTHONS
    detail = platform.python_version()
    if least <= version <= most:
        return Finding("machine", "python", "ok", detail)
    wanted = " to ".join(".".join(map(str, end)) for end in PYTHONS)
    return Finding("machine", "python", "fail", detail, f"Install DeconvID with Python {wanted}")


def _processor(cpuinfo: str, cores: int) -> Finding:
    flags = set(re.findall(r"\w+", " ".join(re.findall(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.M)[:1])))
    name = next(iter(re.findall(r"^model name\s*: (.*)$", cpuinfo, re.M)), platform.machine())
    fast = next((flag for flag in FAST if flag in flags), None)
    detail = f"{name}, {cores} core{'s' * (cores != 1)}, {fast or 'no AVX2'}"
    if fast is None:
        return Finding("machine", "processor", "warn", detail, "The networks are several times slower without AVX2")
    if cores == 1:
        return Finding("machine", "processor", "warn", detail, "Decoding and networks share it: lower detect_fps")
    return Finding("machine", "processor", "ok", detail)


def _memory(meminfo: str) -> Finding:
    free_gb = int(next(iter(re.findall(r"^MemAvailable:\s*(\d+) kB$", meminfo, re.M)), "0")) / 1e6
    detail = f"{free_gb:.1f} GB available"
    if free_gb >= LEAST_MEMORY_GB:
        return Finding("machine", "memory", "ok", detail)
    return Finding("machine", "memory", "warn", detail, f"Leave {LEAST_MEMORY_GB:.0f} GB free, more for many cameras")


def _clock(state: int, now_s: float) -> Finding:
    year = time.gmtime(now_s).tm_year
    if year < 2026:
        return Finding("machine", "clock", "fail", f"it is the year {year}", "Set the clock: events are dated by it")
    if state == TIME_ERROR:
        fix = "Turn on NTP (`timedatectl set-ntp true`): events are dated by this clock"
        return Finding("machine", "clock", "warn", "nothing keeps it synchronised, as far as the kernel knows", fix)
    if state < 0:
        return Finding("machine", "clock", "warn", "the kernel does not tell", "Check it with `timedatectl`")
    return Finding("machine", "clock", "ok", "synchronised")


def _kernel_clock_state() -> int:
    """Returns what adjtimex(2) says when it is only asked: 0 to 4 synchronised, 5 not, negative if it refuses."""
    try:
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(SIZE_OF_TIMEX)))
    except (OSError, AttributeError):
        return -1
