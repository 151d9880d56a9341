"""The commands as a user runs them, against a bus of real sockets."""

import csv
import json
import os
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from daemon.cli import app
from tests.deconvid_client.bus_double import BusDouble, bus

__all__ = ["bus"]

Tail = Callable[..., "subprocess.Popen[str]"]
SCHEMA = Path(__file__).parents[3] / "docs" / "events.schema.json"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(f'state = "{tmp_path}"\nruntime = "{tmp_path}"\n')
    return path


@pytest.fixture
def tail(config: Path) -> Iterator[Tail]:
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "daemon.cli", "events", "tail", "--config", str(config), *options]
        environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
        process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run(config: Path) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, ["events", *words, "--config", str(config)])


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    readable, _, _ = select.select([process.stdout], [], [], 20)
    assert readable, "nothing arrives"
    return process.stdout.readline()


def publish_hours(bus: BusDouble, hours: int) -> None:
    """One event each hour from noon on."""
    bus.publish(*["face.identified"] * hours)
    for n, event in enumerate(bus.events):
        moment = (NOON + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        event |= {"captured_at": moment, "published_at": moment}


def test_machines_get_json_lines_of_what_they_asked_for(tail: Tail, bus: BusDouble) -> None:
    bus.publish("camera.state", "face.left", "face.identified")
    process = tail("--json", "--since", "1", "--camera", "door", "--kind", "face.i")
    event = json.loads(first_line(process))
    assert (event["sequence"], event["person"]["name"]) == (3, "Ada")


def test_people_get_one_line_an_event_however_long(tail: Tail, bus: BusDouble) -> None:
    bus.publish("camera.state")
    bus.events[0] |= {"camera": "door", "state": "stalled", "detail": "no packet for 5 s " * 20 + "[door]"}
    line = first_line(tail("--since", "0"))
    assert "door         camera.state     stalled no packet" in line
    assert line.endswith("[door]\n")


def test_tail_begins_with_what_comes(tail: Tail, bus: BusDouble) -> None:
    bus.stop()
    process = tail("--json")
    assert process.stderr
    assert "waiting for events" in process.stderr.readline()
    bus.publish("face.left", heard=False)
    bus.start()
    while not select.select([process.stdout], [], [], 0.2)[0]:
        bus.publish("face.identified")
    assert json.loads(first_line(process))["sequence"] > 1


def test_interrupt_ends_it_in_silence(tail: Tail, bus: BusDouble) -> None:
    bus.publish("face.left")
    process = tail("--since", "0")
    first_line(process)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 130


def test_replay_goes_through_all_pages(run: Callable[..., Result], bus: BusDouble) -> None:
    bus.publish(*["face.left"] * 2500)
    result = run("replay", "--after", "499", "--json")
    assert [json.loads(line)["sequence"] for line in result.stdout.splitlines()] == list(range(500, 2501))


@pytest.mark.parametrize(
    ("span", "hours"),
    [((), range(24)), (("--from", "2026-01-02T15:00Z"), range(3, 24)), (("--to", "2026-01-02T15:00Z"), range(3))],
    ids=["all", "from", "to"],
)
def test_export_takes_a_span_of_time(
    run: Callable[..., Result], bus: BusDouble, tmp_path: Path, span: tuple[str, ...], hours: range
) -> None:
    publish_hours(bus, 24)
    target = tmp_path / "events.jsonl"
    assert run("export", str(target), *span).exit_code == 0
    assert [json.loads(line)["sequence"] - 1 for line in target.read_text().splitlines()] == list(hours)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_export_hides_what_it_replaces_and_keeps_it_until_the_new_one_is_whole(
    run: Callable[..., Result], bus: BusDouble, tmp_path: Path
) -> None:
    publish_hours(bus, 2)
    target = tmp_path / "events.jsonl"
    target.write_text("the last one")
    target.chmod(0o644)
    assert run("export", str(target), "--from", "no moment").exit_code == 2
    assert target.read_text() == "the last one"
    assert run("export", str(target)).exit_code == 0
    assert len(target.read_text().splitlines()) == 2
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.glob(".events.jsonl.*")) == []


@pytest.mark.parametrize(("name", "reason"), [("", "is no file"), ("missing/events.csv", "No such file")])
def test_export_to_where_nothing_can_be_written_is_told(
    run: Callable[..., Result], bus: BusDouble, tmp_path: Path, name: str, reason: str
) -> None:
    result = run("export", str(tmp_path / name))
    assert result.exit_code == 1
    assert reason in " ".join(result.stderr.split())


def test_export_makes_tables(run: Callable[..., Result], bus: BusDouble) -> None:
    publish_hours(bus, 2)
    rows = list(csv.DictReader(run("export", "-", "--format", "csv").stdout.splitlines()))
    assert [(row["sequence"], row["person"], row["person_id"]) for row in rows] == [
        ("1", "Ada", "1"),
        ("2", "Ada", "1"),
    ]


def test_schema_is_the_published_one() -> None:
    result = CliRunner().invoke(app, ["events", "schema"])
    assert result.stdout == SCHEMA.read_text()


def test_daemon_that_is_not_there_is_told(run: Callable[..., Result]) -> None:
    for words in (("replay",), ("export", "-")):
        began_s = time.monotonic()
        result = run(*words)
        assert result.exit_code == 1
        assert "there is no daemon. Is `deconvid run` running?" in result.stderr
        assert time.monotonic() - began_s < 2


def test_tail_waits_for_a_daemon_to_ask(tail: Tail, bus: BusDouble) -> None:
    publish_hours(bus, 1)
    bus.stop()
    process = tail("--json", "--since", "2026-01-01T00:00Z")
    assert process.stderr
    assert "no daemon yet, waiting" in process.stderr.readline()
    bus.start()
    assert json.loads(first_line(process))["sequence"] == 1


def test_a_faulty_camera_hides_no_events(run: Callable[..., Result], config: Path, bus: BusDouble) -> None:
    bus.publish("face.left")
    config.write_text(config.read_text() + '[cameras.door]\nurl = "gopher://x"\n')
    result = run("replay", "--json")
    assert (result.exit_code, json.loads(result.stdout)["sequence"]) == (0, 1)


def test_a_camera_that_is_not_configured_is_told(run: Callable[..., Result], config: Path, bus: BusDouble) -> None:
    bus.publish("face.left")
    config.write_text(config.read_text() + '[cameras.door]\nurl = "rtsp://192.0.2.1/"\n')
    for words in (("replay",), ("export", "-")):
        assert run(*words, "--camera", "door").stderr.count("warning") == 0
        assert "no camera nix is configured (there are: door)" in run(*words, "--camera", "nix").stderr


def test_what_has_several_lines_is_told_in_one(run: Callable[..., Result], bus: BusDouble) -> None:
    bus.publish("daemon.reloaded")
    bus.events[0] |= {
        "subject": "configuration",
        "detail": "camera door is new\ncamera yard is gone",
        "actor": "daemon",
    }
    [line] = run("replay").stdout.splitlines()
    assert line.endswith("configuration camera door is new; camera yard is gone")


def test_moment_that_is_none_is_told(run: Callable[..., Result], bus: BusDouble) -> None:
    result = run("tail", "--since", "yesterday")
    assert result.exit_code == 2
    assert "is no moment" in result.stderr
