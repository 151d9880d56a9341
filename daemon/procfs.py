"""What the kernel tells of a process: its memory and its processor time."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
USER_TIME, SYSTEM_TIME = 11, 12
"""Fields of /proc/PID/stat behind the name of the program, see proc(5)."""


@dataclass(frozen=True, slots=True)
class Usage:
    memory_bytes: int
    """Resident, without shared memory: the frames in /dev/shm belong to no process alone."""
    cpu_s: float


NO_USAGE = Usage(0, 0.0)


def resident_bytes() -> int:
    """Returns the memory of this process; cheap enough for every round of a loop."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def usage_of(pid: int | None) -> Usage:
    """Returns nothing used for a process that is gone."""
    if pid is None:
        return NO_USAGE
    folder = Path(f"/proc/{pid}")
    try:
        lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        # The program's name stands in brackets and may hold blanks and brackets.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return NO_USAGE
    memory_kb = sum(int(lines[key].split()[0]) for key in ("RssAnon", "RssFile") if key in lines)
    return Usage(memory_kb * 1024, (int(fields[USER_TIME]) + int(fields[SYSTEM_TIME])) / TICKS_PER_S)
