import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli import app
from daemon.operations.installation import (
    CONFIG,
    UNIT,
    UNIT_FOLDER,
    InstallationError,
    find_program,
    hidden_fault,
    install,
    render_unit,
    uninstall,
)


@pytest.fixture
def unit(tmp_path):
    return render_unit(tmp_path / "bin" / "deconvid")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_service_is_installed_and_removed(unit, tmp_path):
    assert install(unit, tmp_path) == [tmp_path / UNIT_FOLDER / UNIT, tmp_path / CONFIG]
    written = (tmp_path / UNIT_FOLDER / UNIT).read_text()
    assert f"ExecStart={tmp_path}/bin/deconvid run --config /etc/deconvid/config.toml" in written
    assert "/opt/deconvid" not in written
    assert (mode(tmp_path / UNIT_FOLDER / UNIT), mode(tmp_path / CONFIG)) == (0o644, 0o644)
    assert uninstall(tmp_path)
    assert not uninstall(tmp_path)
    assert (tmp_path / CONFIG).exists()


def test_a_configuration_that_is_there_stays(unit, tmp_path):
    (tmp_path / CONFIG).parent.mkdir(parents=True)
    (tmp_path / CONFIG).write_text("mine")
    assert install(unit, tmp_path) == [tmp_path / UNIT_FOLDER / UNIT]
    assert (tmp_path / CONFIG).read_text() == "mine"


def test_a_named_user_takes_the_place_of_the_dynamic_one():
    unit = render_unit(Path("/opt/x"), "camera-daemon")
    assert "User=camera-daemon" in unit
    assert "DynamicUser" not in unit


def test_the_first_configuration_can_be_read(unit, tmp_path):
    install(unit, tmp_path)
    done = CliRunner().invoke(app, ["config", "show", "--config", str(tmp_path / CONFIG), "--json"])
    assert done.exit_code == 0
    assert '"/run/deconvid"' in done.output


def test_nobody_but_root_may_install(unit, tmp_path):
    (tmp_path / "etc").write_text("a file where a folder should be")
    with pytest.raises(InstallationError, match="Run it as root"):
        install(unit, tmp_path)


def test_a_program_that_is_not_there(tmp_path):
    with pytest.raises(InstallationError, match="is no program"):
        find_program(tmp_path)


@pytest.mark.parametrize("path", ["/home/ada/venv/bin/deconvid", "/root/x", "/tmp/x", "/var/tmp/x"])
def test_what_services_cannot_see_is_told(path):
    assert "services do not see" in hidden_fault(Path("/opt/x"), Path(path))
    assert hidden_fault(Path("/opt/home/x"), Path("/usr")) == ""


@pytest.mark.parametrize(("user", "fault"), [("nobody-has-this-name", "there is no user"), ("root", "sandbox")])
def test_a_user_that_cannot_be_meant(user, fault):
    done = CliRunner().invoke(app, ["install", "--dry-run", "--user", user])
    assert done.exit_code == 1
    assert fault in done.output


@pytest.mark.parametrize("state", ["is-active", "is-enabled"])
def test_a_service_in_use_is_not_removed(tmp_path, monkeypatch, state):
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\ntest "$1" = {state} && test "$3" = {UNIT}\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    done = CliRunner().invoke(app, ["uninstall"])
    assert done.exit_code == 1
    assert "First: systemctl disable --now deconvid" in done.output


def test_uninstall_names_what_it_removed_and_left(unit, tmp_path):
    install(unit, tmp_path)
    done = CliRunner().invoke(app, ["uninstall", "--prefix", str(tmp_path)])
    assert done.exit_code == 0
    assert f"removed: {tmp_path / UNIT_FOLDER / UNIT}" in done.output
    assert f"Kept: {tmp_path}/etc/deconvid" in done.output
    assert "systemctl" not in done.output
    assert "there is no unit" in CliRunner().invoke(app, ["uninstall", "--prefix", str(tmp_path)]).output
