"""What the documentation tells people to write works."""

import re
import time
import tomllib
from pathlib import Path

import pytest

from config import Settings, load_settings
from daemon.bridges.checking import find_bridge_problems
from daemon.bridges.webhook import signature
from daemon.rules.book import make_rule
from daemon.rules.checking import find_rule_problems

DOCS = Path(__file__).parents[3] / "docs"
SECRETS = {"MQTT_PASSWORD": "x", "HOOK_TOKEN": "x", "HOOK_SECRET": "x" * 16}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.S)


@pytest.mark.parametrize("page", ["bridges.md", "rules.md", "snapshots.md"])
def test_configuration_of_the_page_is_sound(page: str, tmp_path: Path) -> None:
    [text] = blocks(page, "toml")
    file = tmp_path / "config.toml"
    file.write_text(text)
    settings = load_settings(file, SECRETS)
    assert load_settings(file, secrets=False)
    problems = [*find_rule_problems(settings), *find_bridge_problems(settings)]
    assert [p.key for p in problems if not p.key.endswith((".path", ".ca_file"))] == []
    for name in settings.rules:
        make_rule(settings, name)


def test_check_of_the_signature_is_right() -> None:
    names: dict = {}
    exec(blocks("bridges.md", "python")[0], names)
    header = signature("x" * 16, int(time.time()), b"{}")
    assert names["is_ours"]("x" * 16, header, b"{}")
    assert not names["is_ours"]("x" * 16, header, b"{ }")
    assert not names["is_ours"]("y" * 16, header, b"{}")
    assert not names["is_ours"]("x" * 16, signature("x" * 16, 1, b"{}"), b"{}")


def test_names_that_there_are_not_are_told() -> None:
    text = """
        zones.z = { camera = "gone", polygon = [[0, 0], [1, 0], [0, 1]] }
        rules.r = { cameras = ["gone"], zones = ["z", "gone"] }
        bridges.b = { kind = "mqtt", host = "h", password = "p", rules = ["r", "gone"] }
        bridges.c = { kind = "jsonl", path = "/tmp/x" }
        bridges.d = { kind = "jsonl", path = "/tmp/x" }
    """
    settings = Settings.model_validate(tomllib.loads(text))
    problems = [*find_rule_problems(settings), *find_bridge_problems(settings)]
    assert [problem.key for problem in problems] == [
        "zones.z.camera",
        "rules.r.cameras",
        "rules.r.zones",
        "bridges.b.rules",
        "bridges.b.username",
        "bridges.d.path",
    ]
