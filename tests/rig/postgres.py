"""A real PostgreSQL server for the tests: Debian's, in a temporary folder, on a socket alone."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/nonexistent"))
REASON = "needs apt-get install --no-install-recommends postgresql"
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root."""

_numbers = count()


class PostgresServer:
    def __init__(self, folder: Path) -> None:
        self.folder, self._data = folder, folder / "data"
        folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(folder, UNPRIVILEGED)
        self._run(
            "initdb", "--pgdata", self._data, "--auth=trust", "--username=deconvid", "--no-sync", "--encoding=UTF8"
        )
        self.start()

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "start", "--wait", "--pgdata", self._data, "--log", self.folder / "log", "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--pgdata", self._data, "--mode", "immediate")

    def new_database(self) -> str:
        """Returns the address of an empty one."""
        name = f"test_{next(_numbers)}"
        self._run("createdb", "--host", self.folder, "--username", "deconvid", name)
        return f"postgresql+psycopg://deconvid@/{name}?host={self.folder}"

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [str(BIN / program), *map(str, arguments)]
        if os.geteuid() == 0:
            command = ["runuser", "-u", UNPRIVILEGED, "--", *command]
        # Not through pipes: the server would hold them open.
        with (self.folder / f"{program}.told").open("wb") as told:
            done = subprocess.run(command, stdout=told, stderr=told, cwd="/")
        assert done.returncode == 0, (self.folder / f"{program}.told").read_text()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Skips where PostgreSQL is missing; not in CI."""
    if not BIN.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(REASON)
        pytest.skip(REASON)
    with tempfile.TemporaryDirectory(prefix="deconvid-pg-") as folder:  # a socket's path has to be short
        server = PostgresServer(Path(folder))
        yield server
        server.stop()
