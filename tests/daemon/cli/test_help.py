"""What the list of commands says, and that it costs nothing to say it."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from daemon.cli import COMMANDS, app
from daemon.cli.lazy import load

IMPORTS = (
    "import sys; from daemon.cli import app; app(['--help'], standalone_mode=False); "
    "print([name for name in sys.modules if name.split('.')[0] in ('config', 'engine', 'numpy', 'zmq', 'sqlalchemy')"
    " or name.startswith('daemon.') and name not in ('daemon.cli', 'daemon.cli.lazy')])"
)


def test_listing_the_commands_imports_none_of_them() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "uninstall" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says_of_itself(name: str) -> None:
    assert COMMANDS[name].help == load(name, COMMANDS[name].path).help.split("\n\n")[0]


def test_a_command_is_run_though_listed_without_import() -> None:
    assert "reference" in CliRunner().invoke(app, ["config", "--help"]).output
    assert CliRunner().invoke(app, ["confgi"]).exit_code == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_offers_what_does_not_work(name: str) -> None:
    assert "completion" not in CliRunner().invoke(app, [name, "--help"]).output
