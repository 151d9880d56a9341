"""`deconvid bridges` and `deconvid rules`, as an operator uses them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from daemon.bridges.dead import DeadLetter
from daemon.bridges.making import dead_letters, position_file
from daemon.bridges.position import Position
from daemon.cli import app
from daemon.store import Store
from tests.daemon.bridges.conftest import say  # noqa: F401 - a fixture
from tests.daemon.bridges.test_webhook import Receiver, status

runner = CliRunner()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(f"""
        state = "{tmp_path}"
        rules.front = {{ faces = "known", cooldown_s = 60 }}
        bridges.hook = {{ kind = "webhook", url = "${{HOOK}}", rules = ["front"] }}
        bridges.log = {{ kind = "jsonl", path = "{tmp_path}/events.jsonl" }}
    """)
    return file


def run(*words: object) -> tuple[int, str]:
    result = runner.invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_list_says_how_far_each_has_come(config: Path, store: Store, say, tmp_path: Path) -> None:  # noqa: F811
    for _ in range(3):
        say("unknown")
    position_file(tmp_path, "hook").save(Position(store.epoch, 1))
    code, output = run("bridges", "list", "-c", config)
    assert code == 0
    row = next(line for line in output.splitlines() if "hook" in line)
    assert row.split("\t") == [*("hook", "webhook", "${…}", "front", "1", "2", "", "not running")]


def test_test_says_what_happened(config: Path, tmp_path: Path, monkeypatch) -> None:
    with Receiver() as receiver:
        monkeypatch.setenv("HOOK", receiver.url)
        place = urlsplit(receiver.url).netloc
        assert run("bridges", "test", "hook", "-c", config) == (0, f"ok: {place} answered 200\n")
        receiver.answer = status(500)
        assert run("bridges", "test", "hook", "-c", config) == (1, f"error: {place} answered 500\n")
        receiver.shutdown()
    code, output = run("bridges", "test", "nobody", "-c", config)
    assert code == 2
    assert "there are: hook, log" in output


def test_dead_letters_are_listed_and_tried_again(config: Path, store: Store, say, tmp_path, monkeypatch) -> None:  # noqa: F811
    letters = dead_letters(tmp_path, "hook")
    for sequence in (say("unknown"), say("left"), 99):
        letters.add(
            DeadLetter(
                epoch=store.epoch, sequence=sequence, rules=("front",), level="info", reason="h answered 400",
                given_up_at="2026-03-02T12:00:00+00:00",
            )
        )  # fmt: skip
    with Receiver() as receiver:
        monkeypatch.setenv("HOOK", receiver.url)
        code, output = run("bridges", "dead", "hook", "-c", config)
        assert (code, output.count("h answered 400")) == (0, 3)
        assert "deleted since" in output
        receiver.answer = status(400)
        assert run("bridges", "dead", "hook", "--retry", "-c", config)[0] == 1
        receiver.answer = status(204)
        code, output = run("bridges", "dead", "hook", "--retry", "-c", config)
        receiver.shutdown()
    assert (code, letters.all()) == (0, [])
    assert "2 delivered, 0 left" in output
    assert [headers["Idempotency-Key"] for _, headers, _ in receiver.requests[1:]] == [
        f"{store.epoch}-1",
        f"{store.epoch}-2",
    ]


def test_rule_is_tried_on_what_has_happened(config: Path, say) -> None:  # noqa: F811
    say("identified", "Old", ago_s=timedelta(days=3).total_seconds())
    say("identified", "Ada", ago_s=20), say("identified", "Ada", "t2", ago_s=10), say("unknown", track="t3")
    code, output = run("rules", "try", "front", "--since", "2d", "-c", config)
    assert code == 0
    assert "Old" not in output
    assert "cooldown: told 10 s ago, 60 s are set" in output
    assert "not known" in output
    assert "1 would be delivered, 2 would not" in output
    assert datetime.now(UTC).astimezone().strftime("%m-%d") in output
    assert run("rules", "try", "back", "-c", config)[0] == 2
    assert run("rules", "try", "front", "--since", "yesterday-ish", "-c", config)[0] == 2
