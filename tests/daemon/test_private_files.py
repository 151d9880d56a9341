import os

import pytest

from daemon.private_files import create_private, make_private_folder, replace_private


@pytest.fixture(autouse=True)
def _careless_umask():
    previous = os.umask(0)
    yield
    os.umask(previous)


def mode(path):
    return path.stat().st_mode & 0o777


def test_only_the_owner_may_read(tmp_path):
    make_private_folder(tmp_path / "a" / "b")
    replace_private(tmp_path / "a" / "b" / "x", b"secret")
    create_private(tmp_path / "a" / "b" / "y", b"secret")
    assert [mode(path) for path in sorted(tmp_path.rglob("*"))] == [0o700, 0o700, 0o600, 0o600]


def test_a_replaced_file_loses_the_mode_it_had(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o644)
    replace_private(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_what_exists_is_not_overwritten(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        create_private(path, b"yours")
    assert path.read_bytes() == b"mine"


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        create_private(tmp_path / "link", b"secret")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path):
    os.chown(tmp_path, 65534, 65534)
    make_private_folder(tmp_path / "keys")
    replace_private(tmp_path / "keys" / "x", b"secret")
    assert (tmp_path / "keys").stat().st_uid == (tmp_path / "keys" / "x").stat().st_uid == 65534
