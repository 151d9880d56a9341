import io
import json
import os
import threading
import time
from contextlib import contextmanager

import pytest
import zmq
from msgspec.structs import replace
from rich.console import Console
from typer.testing import CliRunner

from daemon.cli import app
from daemon.cli.status_table import duration, status_view
from daemon.operations.control import Answer, ControlSocket
from daemon.operations.status import CameraStatus, DaemonStatus, Ill, WorkerStatus, write_status


def make_status(*ills: Ill, pid: int | None = None, age_s: float = 0) -> DaemonStatus:
    written_ns = time.time_ns() - int(age_s * 1e9)
    camera = CameraStatus(
        name="entrance-of-the-northern-wing-02",
        state="streaming",
        detail="1920x1080 h264",
        since_wall_ns=written_ns - 7300 * 10**9,
        captured=182_500,
        analysed=36_000,
        in_flight=1,
        dropped={"rate": 146_000, "superseded": 499, "corrupt": 0},
        looks_per_s=4.93,
        latency_p50_ms=41.2,
        latency_p95_ms=86.4,
    )
    worker = WorkerStatus(
        name="vision",
        role="vision",
        state="running",
        pid=4242,
        since_wall_ns=written_ns - 100 * 10**9,
        restarts=2,
        heartbeat_age_s=0.1,
        memory_bytes=306_000_000,
        cpu_s=33.0,
    )
    return DaemonStatus(
        version="0.1.0",
        pid=pid or os.getpid(),
        state="running",
        started_wall_ns=written_ns - 90_000 * 10**9,
        written_wall_ns=written_ns,
        configuration="",
        workers=(worker,),
        cameras=(camera,),
        ills=ills,
    )


@pytest.fixture
def config(tmp_path):
    (tmp_path / "state" / "run").mkdir(parents=True)
    path = tmp_path / "config.toml"
    path.write_text(f'state = "{tmp_path}/state"\n')
    return path


def run(config, *arguments: str):
    return CliRunner().invoke(app, [*arguments, "--config", str(config)])


def test_a_status_fits_into_eighty_columns():
    console = Console(file=io.StringIO(), width=80)
    ill = Ill("camera-yard", "stalled", "no picture for 5 s", "2026-11-22T21:14:05Z")
    console.print(status_view(make_status(ill)))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for part in (
        "1 of 1 cameras streaming",
        "4.9",
        "41",
        "86",
        "2 h 01",
        "rate 146,000",
        "33%",
        "306 MB",
        "✗ camera-yard stalled",
    ):
        assert part in text


def test_the_load_of_late_is_between_two_looks():
    earlier, later = make_status(age_s=10), make_status()
    busier = replace(later, workers=(replace(later.workers[0], cpu_s=38.0),))
    console = Console(file=io.StringIO(), width=80)
    console.print(status_view(busier, earlier))
    assert "50%" in console.file.getvalue()


@pytest.mark.parametrize(("ills", "code"), [((), 0), ((Ill("camera-yard", "stalled"),), 1)])
def test_the_exit_code_says_whether_all_is_well(config, tmp_path, ills, code):
    write_status(tmp_path / "state" / "run", make_status(*ills))
    assert run(config, "status").exit_code == code
    result = run(config, "status", "--json")
    assert result.exit_code == code
    assert [ill["subject"] for ill in json.loads(result.stdout)["ills"]] == [ill.subject for ill in ills]


def test_without_a_daemon_it_says_so(config):
    result = run(config, "status")
    assert result.exit_code == 3
    assert "no daemon" in result.stderr


@pytest.mark.parametrize(("status", "why"), [
    (make_status(pid=2**22 + 1), "was killed"),
    (make_status(age_s=60), "has said nothing for"),
])  # fmt: skip
def test_what_a_daemon_left_behind_is_no_daemon(config, tmp_path, status, why):
    write_status(tmp_path / "state" / "run", status)
    result = run(config, "status")
    assert result.exit_code == 3
    assert why in result.stderr.replace("\n", " ")


@pytest.mark.parametrize("command", [["reload"], ["cameras", "pause", "door"]])
def test_nobody_to_tell_is_told_at_once(config, command):
    began_s = time.monotonic()
    result = run(config, *command)
    assert result.exit_code == 1
    assert "there is no daemon" in result.stderr.replace("\n", " ")
    assert time.monotonic() - began_s < 2


def test_durations_are_short():
    assert [duration(s) for s in (-1, 0.4, 59, 61, 7300, 200_000)] == [
        "0 s",
        "0 s",
        "59 s",
        "1 min",
        "2 h 01",
        "2 d 7 h",
    ]


@contextmanager
def supervisor(config, answers):
    """Answers commands as `answers` says; yields the requests that came."""
    asked, ended = [], threading.Event()

    def handle(request):
        asked.append(request)
        return answers(request)

    def serve():
        with zmq.Context() as context, ControlSocket(context, f"ipc://{config.parent}/state/run/control") as control:
            while not ended.is_set():
                if control.socket.poll(20):
                    control.serve(handle)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "options", "asked"),
    [
        (Answer(True, "nothing changes"), [], [True, False]),
        (Answer(False, "cameras.door.url: is no URL"), [], [True, False]),
        (Answer(False, "cameras.door.url: is no URL"), ["--dry-run"], [True]),
    ],
)
def test_the_daemon_learns_of_every_reload_also_of_a_refused_one(config, answer, options, asked):
    with supervisor(config, lambda request: answer) as requests:
        result = run(config, "reload", *options)
    assert result.exit_code == (0 if answer.ok else 1)
    assert [request.dry_run for request in requests] == asked
    assert result.output.count(answer.message) == 1


def test_a_file_that_became_unreadable_hides_no_daemon(config, tmp_path):
    write_status(tmp_path / "state" / "run", make_status())
    config.write_text(config.read_text() + '[log\nstate = "elsewhere"')
    result = run(config, "status")
    assert result.exit_code == 0
    assert "is not TOML" in result.stderr
    assert run(tmp_path / "absent.toml", "status").exit_code == 2


def test_a_daemon_that_cannot_write_its_status_runs_all_the_same(config, tmp_path):
    write_status(tmp_path / "state" / "run", make_status(age_s=128))
    with supervisor(config, lambda request: Answer(True, "running")):
        result = run(config, "status")
    assert result.exit_code == 1
    assert "as of 2 min ago" in result.stdout
    told = "✗ status unwritten: the daemon runs but cannot write its status (disk full?): this one is 128 s old"
    assert told in result.stdout


@pytest.mark.parametrize("written", [None, b"{}"], ids=["nothing yet", "another version"])
def test_a_daemon_whose_status_cannot_be_read_runs_all_the_same(config, tmp_path, written):
    if written is not None:
        (tmp_path / "state" / "run" / "status.json").write_bytes(written)
    with supervisor(config, lambda request: Answer(True, "running")):
        result = run(config, "status")
    assert result.exit_code == 1
    assert "the daemon runs" in result.stderr.replace("\n", " ")
    assert "no daemon" not in result.stderr


def test_what_only_starts_is_not_said_to_be_well(config, tmp_path):
    write_status(tmp_path / "state" / "run", replace(make_status(), state="starting"))
    result = run(config, "status")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (1, "… starting")


def test_a_pipe_gets_every_cell_whole(config, tmp_path):
    write_status(tmp_path / "state" / "run", make_status())
    [heading, row] = run(config, "cameras", "list").stdout.splitlines()
    assert heading.split("\t")[0] == "camera"
    assert row.split("\t")[0] == "entrance-of-the-northern-wing-02"
    assert row.split("\t")[-1] == "rate 146,000  superseded 499"
    line = next(line for line in run(config, "config", "show").stdout.splitlines() if "bytes" in line)
    assert line.count("\t") == 2
