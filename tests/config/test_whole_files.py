"""Files that are replaced whole."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.whole_files import OWNER_ONLY, READABLE, replacing
from tests.rig.full_disk import files_of_at_most


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("mode", [OWNER_ONLY, READABLE])
def test_the_new_file_has_its_permissions_whatever_the_mask_and_the_old_one(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o640)
    mask = os.umask(0o077)
    try:
        with replacing(path, mode) as file:
            file.write(b"new")
            assert path.read_bytes() == b"old"
    finally:
        os.umask(mask)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert names(tmp_path) == ["a"]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), replacing(path, OWNER_ONLY) as file:
        file.writelines([b"half of it", None])  # type: ignore[list-item]
    assert (names(tmp_path), path.read_bytes()) == (["a"], b"old")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with files_of_at_most(1000), pytest.raises(OSError, match="too large"), replacing(path, OWNER_ONLY) as file:
        file.write(bytes(5000))
    assert (names(tmp_path), path.read_bytes()) == (["a"], b"old")


def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    script = """
import itertools, sys
from pathlib import Path
from config.whole_files import replacing
for i in itertools.count():
    with replacing(Path(sys.argv[1]), 0o600) as file:
        for _ in range(64):
            file.write(bytes([i % 256]) * 16384)
"""
    for _ in range(3):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen([sys.executable, "-c", script, str(path)])
        try:
            deadline = time.monotonic() + 20
            while not path.exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(0.1)
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        content = path.read_bytes()
        assert len(content) == 64 * 16384
        assert len(set(content)) == 1
