"""What a daemon leaves behind on the machine: nothing, if all is well."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from daemon.frames import FRAMES_FOLDER, ring_path


def children_of(pid: int) -> list[int]:
    """Returns the processes that a process has started and not yet buried."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # that thread has ended
            found += map(int, children.read_text().split())
    return found


def remains(instance: str, children: Iterable[int]) -> list[str]:
    """Returns what is left of a daemon that has ended: shared memory of its instance, and such of its children."""
    rings = FRAMES_FOLDER.glob(ring_path(FRAMES_FOLDER, instance, "*").name)
    return [*sorted(map(str, rings)), *(f"process {pid}" for pid in children if _lives(pid))]


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
