"""Whether the daemon does its work, and if not: which camera or stage is ill, and since when."""

import msgspec

from daemon.operations.ills import moment
from daemon.operations.status import DaemonStatus, Ill

LONGEST_SILENCE_S = 5.0
"""Age of a status that the supervisor would have replaced, if it lived."""


class Health(msgspec.Struct, frozen=True):
    healthy: bool
    state: str
    """Of the daemon; `unknown` if it tells nothing."""
    ills: tuple[Ill, ...]


def health_of(status: DaemonStatus | None, now_ns: int) -> Health:
    """Returns how the daemon is: what its status calls ill, and whether it still writes one.

    Args:
        status: what the supervisor wrote; None if there is nothing that can be read.
        now_ns: since 1970.
    """
    if status is None:
        return Health(False, "unknown", (Ill("supervisor", "gone", "there is no status that can be read"),))
    ills, silent_s = status.ills, (now_ns - status.written_wall_ns) / 1e9
    if silent_s > LONGEST_SILENCE_S:
        silence = f"has written no status for {silent_s:.0f} s"
        ills = (Ill("supervisor", "silent", silence, moment(status.written_wall_ns)), *ills)
    return Health(status.state == "running" and not ills, status.state, ills)
