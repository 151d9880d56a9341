from pathlib import Path

import pytest

from daemon.enrolment import find_photos


def test_folders_are_searched_for_pictures_and_nothing_is_taken_twice(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.JPG", "a.png", "notes.txt", "sub/c.webp"):
        (tmp_path / name).touch()
    found = find_photos([tmp_path, tmp_path / "a.png", tmp_path / "notes.txt"])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.png", "b.JPG", "sub/c.webp", "notes.txt"]
