"""How a status looks in a terminal of 80 columns."""

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from daemon.operations.status import CameraStatus, DaemonStatus, WorkerStatus

STATE_STYLES = {
    "streaming": "green",
    "running": "green",
    "paused": "blue",
    "ended": "dim",
    "connecting": "yellow",
    "starting": "yellow",
    "stopping": "yellow",
}
"""Every other state is bad."""
COMING_OR_GOING = ("starting", "stopping")
"""States of a daemon that is not ill, and of which nobody can say yet that it is well."""
SILENCE_S = 3.0
"""Age of a status from which it is told; the supervisor writes one each second."""


def status_view(status: DaemonStatus, previous: DaemonStatus | None = None, age_s: float = 0.0) -> Group:
    """Returns texts and tables.

    Args:
        previous: an earlier one, for the processor's load of late; else it is the mean since the start.
        age_s: of the status.
    """
    tables = (camera_table(status), worker_table(status, previous))
    return Group(_headline(status, age_s), *tables, *_judgement(status))


def camera_table(status: DaemonStatus) -> Table:
    table = _table(("camera", "left"), ("state", "left"), ("since", "right"), ("looks/s", "right"))
    for heading in ("p50", "p95 ms"):
        table.add_column(heading, justify="right")
    table.add_column("dropped", ratio=1, style="dim")
    for camera in status.cameras:
        table.add_row(
            camera.name,
            _state(camera.state),
            _passed(status, camera.since_wall_ns),
            f"{camera.looks_per_s:.1f}" if camera.state == "streaming" else "",
            _milliseconds(camera.latency_p50_ms) if camera.state == "streaming" else "",
            _milliseconds(camera.latency_p95_ms) if camera.state == "streaming" else "",
            _dropped(camera),
        )
    return table


def worker_table(status: DaemonStatus, previous: DaemonStatus | None = None) -> Table:
    table = _table(("worker", "left"), ("state", "left"), ("since", "right"))
    for heading in ("CPU", "memory", "restarts", "pid"):
        table.add_column(heading, justify="right")
    before = {worker.pid: worker for worker in previous.workers} if previous else {}
    passed_s = (status.written_wall_ns - previous.written_wall_ns) / 1e9 if previous else 0.0
    for worker in status.workers:
        earlier = before.get(worker.pid)
        table.add_row(
            worker.name,
            _state(worker.state),
            _passed(status, worker.since_wall_ns),
            _load(worker, earlier, passed_s, status) if worker.pid else "",
            f"{worker.memory_bytes / 1e6:.0f} MB" if worker.pid else "",
            Text(str(worker.restarts), style="yellow" if worker.restarts else "dim"),
            Text(str(worker.pid or ""), style="dim"),
        )
    return table


def _headline(status: DaemonStatus, age_s: float) -> Text:
    streaming = sum(camera.state == "streaming" for camera in status.cameras)
    looks = sum(camera.looks_per_s for camera in status.cameras)
    line = Text.assemble(("DeconvID ", "bold"), (status.version, "dim"), "  ", _state(status.state))
    up = _passed(status, status.started_wall_ns)
    line.append(f" for {up}, {streaming} of {len(status.cameras)} cameras streaming, {looks:.1f} looks/s")
    return line.append(f", as of {duration(age_s)} ago", style="yellow") if age_s > SILENCE_S else line


def _judgement(status: DaemonStatus) -> list[Text]:
    if status.ills:
        return [Text(f"✗ {ill}", style="red") for ill in status.ills]
    if status.state in COMING_OR_GOING:
        return [Text(f"… {status.state}", style="yellow")]
    return [Text("✓ all is well", style="green")]


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading, justify in columns:
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=heading != "camera")
    return table


def _state(state: str) -> Text:
    return Text(state.replace("_", " "), style=STATE_STYLES.get(state, "bold red"))


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _dropped(camera: CameraStatus) -> str:
    return "  ".join(f"{reason} {n:,}" for reason, n in camera.dropped.items() if n)


def _passed(status: DaemonStatus, since_wall_ns: int) -> str:
    return duration((status.written_wall_ns - since_wall_ns) / 1e9)


def _load(worker: WorkerStatus, earlier: WorkerStatus | None, passed_s: float, status: DaemonStatus) -> str:
    """Returns the share of one core."""
    if earlier and passed_s > 0:
        return f"{(worker.cpu_s - earlier.cpu_s) / passed_s:.0%}"
    lived_s = max(1.0, (status.written_wall_ns - worker.since_wall_ns) / 1e9)
    return f"{worker.cpu_s / lived_s:.0%}"


def duration(seconds: float) -> str:
    """Returns two digits and a unit or so.

    >>> [duration(s) for s in (0.4, 59, 61, 7300, 200_000)]
    ['0 s', '59 s', '1 min', '2 h 01', '2 d 7 h']
    """
    s = max(0, int(seconds))
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} min"
    return f"{s // 3600} h {s // 60 % 60:02}" if s < 86400 else f"{s // 86400} d {s // 3600 % 24} h"
