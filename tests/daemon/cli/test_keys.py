import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from daemon.cli import app
from deconvid_client.keys import KeyFile

NETWORK = '[events.network]\naddress = "192.0.2.7"\nport = 5000\n'

Keys = Callable[..., Result]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(f'state = "{tmp_path}/state"\n{NETWORK}')
    return path


@pytest.fixture
def keys(config: Path) -> Keys:
    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, ["keys", *map(str, arguments), "--config", str(config)])

    return run


def test_a_client_needs_one_file(keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "tv.key"
    made = keys("new", "tv", "--role", "operator", "--out", file)
    assert made.exit_code == 0, made.stderr
    key = KeyFile.load(file)
    assert (key.name, key.role) == ("tv", "operator")
    assert (key.events, key.requests) == ("tcp://192.0.2.7:5000", "tcp://192.0.2.7:5001")
    assert keys("server").stdout.strip() == key.server_key
    assert file.stat().st_mode & 0o777 == 0o600
    [listed] = json.loads(keys("list", "--json").stdout)
    assert (listed["name"], listed["role"], listed["public_key"]) == ("tv", "operator", key.public_key)
    state = b"".join(path.read_bytes() for path in (tmp_path / "state" / "keys" / "clients").iterdir())
    for kept in (made.stdout.encode(), made.stderr.encode(), state):
        assert key.secret_key.encode() not in kept


def test_a_file_that_exists_is_left_and_nobody_let_in(keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "tv.key"
    file.write_text("precious")
    refused = keys("new", "tv", "--out", file)
    assert refused.exit_code == 1
    assert "File exists" in refused.stderr
    assert file.read_text() == "precious"
    assert json.loads(keys("list", "--json").stdout) == []


def test_a_key_is_revoked_and_the_server_rotated(keys: Keys, tmp_path: Path) -> None:
    keys("new", "tv", "--out", tmp_path / "tv.key", "--host", "nas.example")
    assert KeyFile.load(tmp_path / "tv.key").events == "tcp://nas.example:5000"
    assert keys("revoke", "tv").exit_code == 0
    assert keys("revoke", "tv").exit_code == 1
    old = keys("server").stdout
    assert old != keys("server", "--rotate").stdout == keys("server").stdout


def test_keys_without_a_network_are_told_apart(keys: Keys, config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text().replace(NETWORK, ""))
    refused = keys("new", "tv", "--out", tmp_path / "tv.key")
    assert refused.exit_code == 1
    assert "[events.network]" in refused.stderr
    assert not (tmp_path / "tv.key").exists()
