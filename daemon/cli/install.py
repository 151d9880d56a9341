"""`deconvid install` and `uninstall`: the systemd service."""

import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from daemon.cli.common import err, told_errors
from daemon.operations.installation import (
    UNIT,
    UNIT_FOLDER,
    InstallationError,
    find_program,
    hidden_fault,
    render_unit,
    verify_unit,
)
from daemon.operations.installation import install as write_service
from daemon.operations.installation import uninstall as remove_service

PrefixOption = Annotated[Path, typer.Option(help="Root folder of the system to install into.")]

NEXT = """Next:
  edit {prefix}/etc/deconvid/config.toml    # name your cameras in it
  deconvid check && deconvid doctor
  systemctl daemon-reload
  systemctl enable --now deconvid"""


def install(
    prefix: PrefixOption = Path("/"),
    user: Annotated[
        str | None, typer.Option(help="Run as this user; else systemd makes one for the service alone.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the unit and write nothing.")] = False,
) -> None:
    """Install the systemd service: its unit, verified, and a first configuration."""
    with told_errors():
        if user is not None:
            _check_user(user)
        program = find_program(Path(sys.prefix))
        unit = render_unit(program, user)
        if objection := verify_unit(unit):
            # It may be about another unit, or what a newer systemd thinks of an old word: no reason to refuse.
            err.print(f"[yellow]warning:[/yellow] systemd-analyze verify: {escape(objection)}", soft_wrap=True)
        if fault := hidden_fault(program, Path(sys.base_prefix).resolve()):
            if prefix == Path("/") and not dry_run:
                raise InstallationError(fault)
            err.print(f"[yellow]warning:[/yellow] {escape(fault)}", soft_wrap=True)
        if dry_run:
            typer.echo(unit, nl=False)
            return
        for path in write_service(unit, prefix):
            err.print(f"written: {path}", soft_wrap=True, markup=False)
    err.print(NEXT.format(prefix=str(prefix).rstrip("/")), soft_wrap=True, markup=False, highlight=False)


def uninstall(prefix: PrefixOption = Path("/")) -> None:
    """Remove the systemd service; the configuration and the state stay."""
    is_ours = prefix == Path("/")
    unit = prefix / UNIT_FOLDER / UNIT
    with told_errors():
        if is_ours and _is_in_use():
            # Without its unit systemd could neither stop nor disable it by name.
            raise InstallationError("the service runs or is enabled. First: systemctl disable --now deconvid")
        removed = remove_service(prefix)
    _say(f"removed: {unit}" if removed else f"{unit}: there is no unit")
    if removed:
        if is_ours:
            _say("Next: systemctl daemon-reload")
        _say(f"Kept: {prefix / 'etc/deconvid'} and {prefix / 'var/lib/deconvid'}, which holds faces and names")


def _say(line: str) -> None:
    err.print(line, soft_wrap=True, markup=False, highlight=False)


def _is_in_use() -> bool:
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return False
    asked = ([systemctl, question, "--quiet", UNIT] for question in ("is-active", "is-enabled"))
    return any(subprocess.run(words, capture_output=True, check=False).returncode == 0 for words in asked)


def _check_user(user: str) -> None:
    try:
        found = pwd.getpwnam(user)
    except (KeyError, ValueError):
        raise InstallationError(
            f"there is no user {user!r}. Make one: useradd --system --no-create-home NAME"
        ) from None
    if found.pw_uid == 0:
        raise InstallationError("root would defeat the unit's sandbox. Name another user, or leave --user out")
