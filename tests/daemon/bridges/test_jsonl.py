import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import JsonlSettings
from daemon.bridges.jsonl import JsonlLog
from daemon.bridges.transport import Parcel, UnreachableError
from tests.rig.full_disk import files_of_at_most


def parcels(*numbers: int, padding: int = 0) -> list[Parcel]:
    return [
        Parcel(
            f"e-{n}",
            n,
            "face.left",
            "door",
            json.dumps({"id": f"e-{n}", **({"x": "x" * padding} if padding else {})}).encode(),
        )
        for n in numbers
    ]


def log(path: Path, **settings: float) -> JsonlLog:
    return JsonlLog(JsonlSettings.model_validate({"kind": "jsonl", "path": path, **settings}))


def numbers(path: Path) -> list[int]:
    return [int(json.loads(line)["id"][2:]) for line in path.read_bytes().splitlines()]


def test_file_is_the_owners_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    target = log(path)
    target.deliver(parcels(1, 2), [])
    target.deliver(parcels(3), [])
    target.close()
    assert numbers(path) == [1, 2, 3]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_service_may_write_what_roots_test_made(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    log(tmp_path / "events.jsonl").test()
    assert (tmp_path / "events.jsonl").stat().st_uid == 65534
    (tmp_path / "roots").touch()
    log(tmp_path / "roots").test()
    assert (tmp_path / "roots").stat().st_uid == 0


@settings(deadline=None, max_examples=30)  # each example waits for the disk
@given(st.integers(0, 40), st.integers(0, 5))
def test_whatever_a_crash_cut_off_each_event_is_there_once(tmp_path_factory, cut: int, again: int) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    first = log(path)
    first.deliver(parcels(1, 2, 3), [])
    first.deliver(parcels(4, 5, 6), [])
    first.close()
    os.truncate(path, max(0, path.stat().st_size - min(cut, 41)))  # at most the last delivery: the rest was synced
    second = log(path)
    second.deliver(parcels(4, 5, 6, *range(7, 7 + again)), [])
    second.close()
    assert numbers(path) == list(range(1, 7 + again))


def test_full_disk_leaves_no_part_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    target = log(path)
    target.deliver(parcels(1), [])
    with files_of_at_most(path.stat().st_size + 20):
        with pytest.raises(UnreachableError, match=os.strerror(errno.EFBIG)):
            target.deliver(parcels(2, 3), [])
        assert numbers(path) == [1]
    target.deliver(parcels(2, 3), [])
    target.close()
    assert numbers(path) == [1, 2, 3]


def test_files_are_rotated_and_only_some_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    target = log(path, rotate_megabytes=0.01, keep_files=2)
    for n in range(60):
        target.deliver(parcels(n, padding=1000), [])
    target.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["events.jsonl", "events.jsonl.1", "events.jsonl.2"]
    kept = [n for name in ("events.jsonl.2", "events.jsonl.1", "events.jsonl") for n in numbers(tmp_path / name)]
    assert kept == list(range(kept[0], 60))


def test_delivery_that_comes_again_is_not_rotated_away_from_itself(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    many = parcels(*range(1000), padding=20)
    log(path, rotate_megabytes=0.01).deliver(many[:500], [])
    again = log(path, rotate_megabytes=0.01)
    again.deliver(many[:500], [])
    assert numbers(path) == list(range(500))
    again.deliver(many[500:], [])
    assert numbers(path) == list(range(500, 1000))


def test_file_that_somebody_moved_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    target = log(path)
    target.deliver(parcels(1), [])
    path.rename(tmp_path / "taken")
    target.deliver(parcels(2), [])
    assert numbers(path) == [2]


def test_missing_folder_is_told_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"^events.jsonl: No such file"):
        log(tmp_path / "nowhere" / "events.jsonl").deliver(parcels(1), [])


def test_test_line_is_no_event(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    target = log(path)
    assert str(path) in target.test()
    assert json.loads(path.read_text()) == {"version": 1, "test": True}
