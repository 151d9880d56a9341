"""From a frame to a file, and its end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from config import SnapshotSettings
from daemon.events.schema import Identified, Person, Unknown, encode_event, rfc3339
from daemon.messages import LARGEST_PICTURE, FaceObserved, Picture
from daemon.snapshots.photographer import Photographer
from daemon.snapshots.retention import SnapshotRetention
from daemon.snapshots.store import SnapshotStore
from daemon.store import NewEvent, Store
from engine.images import YuvImage
from tests.daemon.factories import make_face, make_template, unit

BOX = (200.0, 100.0, 260.0, 180.0)
NOW_NS = 1_772_452_800_000_000_000
FILE = "2026-03-02/120000-000000-door-t1"


def frame(width: int = 640, height: int = 480) -> YuvImage:
    noise = np.random.default_rng(1).integers(0, 255, (height, width), np.uint8)
    half = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return YuvImage(noise, half, half, bt709=True, full_range=True)


def size(jpeg: bytes) -> tuple[int, int]:
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return pixels.shape[1], pixels.shape[0]


def look(quality: float = 0.5, track: str = "t1", shade: int = 0, name: str = "door") -> FaceObserved:
    done, jpeg = cv2.imencode(".jpg", np.full((120, 160, 3), shade, np.uint8))
    assert done
    picture = Picture(jpeg.tobytes(), (40, 30, 80, 70))
    return msgspec.structs.replace(
        make_face(track, unit(1), camera=name), picture=picture, quality=quality, captured_wall_ns=NOW_NS
    )


def word(person: Person | None = None, track: str = "t1"):
    return (Identified if person else Unknown)(camera="door", track=track, captured_at=rfc3339(NOW_NS), person=person)


ADA, BOB = Person(1, "Ada"), Person(2, "Bob")


def test_no_picture_is_made_unless_somebody_wants_it() -> None:
    assert Photographer(SnapshotSettings()).take("t1", frame(), BOX, 1) is None


def test_face_has_room_around_it_and_its_box_is_known() -> None:
    picture = Photographer(SnapshotSettings(of="face")).take("t1", frame(), BOX, 0.5)
    assert picture
    assert size(picture.jpeg) == (120, 160)
    assert picture.box == (30, 40, 90, 120)


def test_frame_is_scaled_down() -> None:
    picture = Photographer(SnapshotSettings(of="frame", size_px=320)).take("t1", frame(), BOX, 0.5)
    assert picture
    assert size(picture.jpeg) == (320, 240)
    assert picture.box == (100, 50, 130, 90)


def test_only_better_looks_are_pictured_and_not_for_ever() -> None:
    photographer = Photographer(SnapshotSettings(of="face", most_per_track=2))
    taken = [bool(photographer.take("t1", frame(), BOX, quality)) for quality in (0.5, 0.4, 0.6, 0.9)]
    assert taken == [True, False, True, False]
    photographer.forget("t1")
    assert photographer.take("t1", frame(), BOX, 0.1)


def test_picture_of_noise_stays_within_the_message() -> None:
    picture = Photographer(SnapshotSettings(of="frame", quality=98, size_px=3840)).take("t1", frame(2000, 2000), BOX, 1)
    assert picture
    assert len(picture.jpeg) <= LARGEST_PICTURE


@pytest.mark.parametrize("box", [(-50.0, -50.0, 10.0, 10.0), (630.0, 470.0, 700.0, 500.0)])
def test_face_at_the_edge(box) -> None:
    assert Photographer(SnapshotSettings(of="face")).take("t1", frame(), box, 0.5)


def test_best_look_is_written_once_for_its_owner_alone(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, SnapshotSettings(of="face"))
    assert store.keep(word()) is None
    for quality, shade in ((0.5, 10), (0.9, 200), (0.7, 30)):
        store.see(look(quality, shade=shade))
    name = store.keep(word())
    assert name == f"{FILE}.jpg"
    assert store.keep(word(ADA)) == name
    assert (tmp_path / name).read_bytes() == look(shade=200).picture.jpeg
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / name).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("whose", "known", "unknown"), [("known", 1, 0), ("unknown", 0, 1), ("all", 1, 1)])
def test_only_those_are_kept_who_are_wanted(tmp_path: Path, whose, known: int, unknown: int) -> None:
    store = SnapshotStore(tmp_path, SnapshotSettings(of="face", whose=whose))
    store.see(look())
    store.see(look(track="t2"))
    assert (bool(store.keep(word(ADA))), bool(store.keep(word(track="t2")))) == (known, unknown)


def test_name_in_the_picture_is_corrected_with_the_person(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, SnapshotSettings(of="face", draw=True))
    store.see(look())
    names = [store.keep(word(person)) for person in (ADA, BOB)]
    assert names == [f"{FILE}-1.jpg", f"{FILE}-2.jpg"]
    pictures = [(tmp_path / name).read_bytes() for name in names]
    assert pictures[0] != pictures[1]
    assert size(pictures[0]) == (160, 120)


def test_name_of_a_track_leads_nowhere_else(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "snapshots", SnapshotSettings(of="face"))
    store.see(look(track="../../x\0/y"))
    assert store.keep(word(track="../../x\0/y")) == f"{FILE[:-2]}______x__y.jpg"


def test_disk_that_takes_no_picture_holds_no_event_up(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = SnapshotStore(tmp_path / "file", SnapshotSettings(of="face"))
    store.see(look())
    assert store.keep(word()) is None
    assert store.counts["snapshots_failed"] == 1


def claims_to_be_large() -> bytes:
    jpeg = bytearray(look().picture.jpeg)
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\x20\x00\x20\x00"
    return bytes(jpeg)


@pytest.mark.parametrize("jpeg", [b"\xff\xd8\xff garbage", look().picture.jpeg[:300], claims_to_be_large()])
def test_picture_that_is_none_is_not_drawn_into(tmp_path: Path, jpeg: bytes) -> None:
    store = SnapshotStore(tmp_path, SnapshotSettings(of="face", draw=True))
    store.see(msgspec.structs.replace(look(), picture=Picture(jpeg, (0, 0, 1, 1))))
    assert store.keep(word()) is None


@pytest.mark.parametrize("box", [(-1e300, 0, 1e300, 5), (90, 90, 10, 10), (1e9, 1e9, 1e9, 1e9)])
def test_box_that_lies_elsewhere_is_drawn_at_the_edge(tmp_path: Path, box) -> None:
    store = SnapshotStore(tmp_path, SnapshotSettings(of="face", draw=True))
    store.see(msgspec.structs.replace(look(), picture=Picture(look().picture.jpeg, box)))
    assert store.keep(word(ADA))


def test_memory_is_bounded(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, SnapshotSettings(of="face"))
    large = Picture(b"\xff" * LARGEST_PICTURE, (0, 0, 1, 1))
    for n in range(80):
        store.see(msgspec.structs.replace(look(track=f"t{n}"), picture=large))
    kept = [n for n in range(80) if store.keep(word(track=f"t{n}"))]
    assert kept == list(range(16, 80))


def test_old_pictures_go_and_so_do_too_many(tmp_path: Path) -> None:
    now = datetime(2026, 3, 10, tzinfo=UTC)
    for day in ("2026-03-01", "2026-03-08", "2026-03-09"):
        (tmp_path / day).mkdir()
        for n in range(3):
            (tmp_path / day / f"{n}.jpg").write_bytes(b"x" * 300_000)
    (tmp_path / "notes.txt").touch()
    SnapshotRetention(tmp_path, SnapshotSettings(keep_days=7, keep_megabytes=1), lambda: now).enforce()
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["2026-03-09/0.jpg", "2026-03-09/1.jpg", "2026-03-09/2.jpg", "notes.txt"]
    assert not (tmp_path / "2026-03-01").exists()


def test_erased_person_takes_their_pictures_along(store: Store, tmp_path: Path) -> None:
    person = store.people.enrol("Ada", make_template(unit(1)))
    folder = tmp_path / "snapshots"
    pictures = SnapshotStore(folder, SnapshotSettings(of="face", draw=True))
    for track in ("t1", "t2"):
        pictures.see(look(track=track))
    said = [word(), word(Person(person.id, "Ada")), word(track="t2")]
    for event in said:
        named = msgspec.structs.replace(event, snapshot=pictures.keep(event))
        columns = NewEvent(
            named.kind, "door", named.track, named.person.id if named.person else None, datetime.now(UTC)
        )
        store.events.append(columns, lambda sequence, named=named: encode_event(named).decode())
    outside = tmp_path / "outside.jpg"
    outside.touch()
    store.people.erase("Ada")
    assert [path.name for path in folder.rglob("*.jpg")] == ["120000-000000-door-t2.jpg"]
    left = [msgspec.json.decode(event.payload)["snapshot"] for event in store.events.since(0)]
    assert [bool(name) for name in left] == [False, False, True]


def test_picture_whose_event_was_never_stored_goes_with_the_erased_person(tmp_path: Path) -> None:
    pictures = SnapshotStore(tmp_path, SnapshotSettings(of="face"))
    pictures.see(look())
    name = pictures.keep(word(ADA))
    assert name
    pictures.delete_erased({ADA.id})
    assert (tmp_path / name).exists()
    pictures.delete_erased(set())
    assert not (tmp_path / name).exists()


def test_day_of_a_picture_is_that_of_its_frame(tmp_path: Path) -> None:
    pictures = SnapshotStore(tmp_path, SnapshotSettings(of="face"))
    pictures.see(look())
    assert pictures.keep(word())
    later = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=30)
    SnapshotRetention(tmp_path, SnapshotSettings(), lambda: later).enforce()
    assert list(tmp_path.iterdir()) == []
