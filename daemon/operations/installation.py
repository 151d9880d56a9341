"""The service as systemd sees it: rendering the unit, verifying it, putting it in its place and taking it away."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from config.errors import DeconvIDError
from config.whole_files import READABLE, replacing

UNIT = "deconvid.service"
UNIT_FOLDER = Path("etc/systemd/system")
CONFIG = Path("etc/deconvid/config.toml")
SHIPPED_PROGRAM = "/opt/deconvid/.venv/bin/deconvid"
SHIPPED_CONFIG = "/etc/deconvid/config.toml"

HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
"""Folders that the unit's ProtectHome and PrivateTmp hide from the service."""
VERIFY_S = 30

FIRST_CONFIG = """\
# DeconvID. `deconvid check` tells every mistake at once, `deconvid config reference` every key.
# The service's user must be able to read this file: keep passwords out of it. Write password = "${DOOR_PASSWORD}" and
# give the service LoadCredential=DOOR_PASSWORD:/etc/deconvid/credentials/DOOR_PASSWORD (`systemctl edit deconvid`).

state = "/var/lib/deconvid"
runtime = "/run/deconvid"

#[cameras.door]
#url = "rtsp://192.0.2.10:554/stream1"
#username = "viewer"
#password = "${DOOR_PASSWORD}"
"""


class InstallationError(DeconvIDError):
    """The service cannot be installed or removed here."""


def find_program(prefix: Path) -> Path:
    """Returns the `deconvid` of an installation, of which `prefix` is `sys.prefix`.

    Raises:
        InstallationError: there is none.
    """
    program = prefix / "bin" / "deconvid"
    if not os.access(program, os.X_OK):
        raise InstallationError(f"{program}: is no program. Install DeconvID with pip into a venv")
    return program


def hidden_fault(*paths: Path) -> str:
    """Returns which of the paths the service would not see; empty if it sees all."""
    for path in paths:
        if folder := next((folder for folder in HIDDEN if path.is_relative_to(folder)), None):
            return f"{path}: services do not see {folder}. Install DeconvID, and its Python, below /opt or /usr"
    return ""


def render_unit(program: Path, user: str | None = None) -> str:
    """Returns the unit for this program; as a user of its own unless one is named.

    Raises:
        InstallationError: the unit that ships with the program is not there.
    """
    unit = _shipped_unit().replace(SHIPPED_PROGRAM, _quoted(str(program)))
    return unit.replace("DynamicUser=yes", f"User={_quoted(user)}") if user else unit


def verify_unit(unit: str) -> str:
    """Returns what systemd objects to; empty if nothing, or if there is no `systemd-analyze` here."""
    command = shutil.which("systemd-analyze")
    if command is None:
        return ""
    with tempfile.TemporaryDirectory(prefix="deconvid-") as folder:
        path = Path(folder) / UNIT
        path.write_text(unit)
        # An unknown key is only a line of output: the exit code stays 0.
        done = subprocess.run([command, "verify", path], capture_output=True, text=True, timeout=VERIFY_S)
    return (done.stdout + done.stderr).strip() or ("" if done.returncode == 0 else f"exit code {done.returncode}")


def install(unit: str, prefix: Path) -> list[Path]:
    """Writes the unit, and a first configuration where there is none; returns what was written.

    Raises:
        InstallationError: a file cannot be written.
    """
    written = [_write(prefix / UNIT_FOLDER / UNIT, unit)]
    if not os.path.lexists(prefix / CONFIG):
        written.append(_write(prefix / CONFIG, FIRST_CONFIG))
    return written


def uninstall(prefix: Path) -> bool:
    """Removes the unit; returns whether there was one. Configuration and state stay.

    Raises:
        InstallationError: it cannot be removed.
    """
    try:
        (prefix / UNIT_FOLDER / UNIT).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _denied(prefix / UNIT_FOLDER / UNIT, "removed", error) from error
    return True


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, READABLE) as file:
            file.write(text.encode())
    except OSError as error:
        raise _denied(path, "written", error) from error
    return path


def _denied(path: Path, done: str, error: OSError) -> InstallationError:
    return InstallationError(f"{path}: cannot be {done} ({error.strerror}). Run it as root, or give --prefix a folder")


def _shipped_unit() -> str:
    """Reads the unit beside the sources, or where a wheel puts it."""
    places = (Path(__file__).parents[2] / "systemd" / UNIT, Path(sys.prefix) / "share" / "deconvid" / UNIT)
    for place in places:
        if place.is_file():
            return place.read_text(encoding="utf-8")
    raise InstallationError(f"{places[-1]}: is missing. Install DeconvID again")


def _quoted(text: str) -> str:
    """Returns a word for a unit file, where % begins a specifier."""
    doubled = text.replace("%", "%%")
    return f'"{doubled}"' if " " in doubled else doubled
