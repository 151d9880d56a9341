import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.enrolment import Entry, find_photos
from daemon.enrolment.roster import RosterError, read_folders
from daemon.enrolment.roster_csv import read_list
from daemon.store import Consent


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_folders_are_searched_for_pictures_and_nothing_is_taken_twice(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png", "notes.txt", "sub/c.webp")
    found = find_photos([tmp_path, tmp_path / "a.png", tmp_path / "notes.txt"])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.png", "b.JPG", "sub/c.webp", "notes.txt"]


def test_pictures_of_unknown_kinds_are_found_to_be_told_and_hidden_files_are_not(tmp_path: Path) -> None:
    touch(tmp_path, "a.HEIC", "._a.jpg", ".hidden.png")
    assert [path.name for path in find_photos([tmp_path])] == ["a.HEIC"]


def test_each_subfolder_is_a_person(tmp_path: Path) -> None:
    touch(
        tmp_path, "Ann  Lee/1.jpg", "Ann  Lee/more/2.png", "Bob/3.webp", "Nobody/notes.txt", ".git/4.jpg", "loose.jpg"
    )
    entries = [(entry.name, str(entry.photo.relative_to(tmp_path))) for entry in read_folders(tmp_path)]
    assert entries == [("Ann Lee", "Ann  Lee/1.jpg"), ("Ann Lee", "Ann  Lee/more/2.png"), ("Bob", "Bob/3.webp")]


def test_every_fault_of_the_folders_is_told(tmp_path: Path) -> None:
    touch(tmp_path, "Ann/1.jpg", "ann/2.jpg", "x\x01/3.jpg")
    with pytest.raises(RosterError) as caught:
        read_folders(tmp_path)
    assert "'Ann' and 'ann' are one name" in str(caught.value)
    assert "cannot be shown" in str(caught.value)


def test_a_folder_of_photos_is_told_from_a_folder_of_people(tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg")
    with pytest.raises(RosterError, match="no subfolder"):
        read_folders(tmp_path)


def test_a_folder_whose_name_is_no_text_is_to_be_renamed(tmp_path: Path) -> None:
    touch(tmp_path, os.fsdecode(b"J\xf6rg/1.jpg"), "Ann/1.jpg")
    with pytest.raises(RosterError, match=r"'J\\udcf6rg': the name is no UTF-8. Rename the folder$"):
        read_folders(tmp_path)


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "people.csv"
    path.write_text(text, encoding)
    return path


@pytest.mark.parametrize(("separator", "encoding"), [(",", "utf-8"), (";", "utf-8-sig")])
def test_a_list_says_whose_photos_and_for_how_long(tmp_path: Path, separator: str, encoding: str) -> None:
    touch(tmp_path, "ann/1.jpg", "ann/2.jpg", "b.jpg")
    lines = [
        ("name", "photo", "consent_basis", "expires"),
        ("Ann", "ann", "signed form", "2027-12-31"),
        (" Zoë  Ü ", "b.jpg", "", ""),
    ]
    path = write(tmp_path, "\n".join(separator.join(line) for line in lines), encoding)
    consent = Consent("signed form", datetime(2028, 1, 1, tzinfo=UTC))  # the last day is over
    assert read_list(path) == [
        Entry("Ann", tmp_path / "ann" / "1.jpg", consent),
        Entry("Ann", tmp_path / "ann" / "2.jpg", consent),
        Entry("Zoë Ü", tmp_path / "b.jpg"),
    ]


def test_what_one_line_says_of_consent_holds_for_all_of_the_person(tmp_path: Path) -> None:
    touch(tmp_path, "1.jpg", "2.jpg", "b.jpg")
    path = write(tmp_path, "name,photo,expires\nAnn,1.jpg,\nann,2.jpg,2027-12-31\nBob,b.jpg,\n")
    until = datetime(2028, 1, 1, tzinfo=UTC)
    assert [entry.consent and entry.consent.expires_at for entry in read_list(path)] == [until, until, None]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["'name' is missing", "'photo' is missing"]),
        ("name,photo,age\nAnn,a.jpg,7\n", ["'age' is unknown"]),
        ("name,photo\n", ["nobody"]),
        (
            "name,photo\n,a.jpg\nAnn,\nAnn\nAnn,a,b\n",
            ["line 2: ", "line 3: has no photo", "line 4", "line 5: has more"],
        ),
        ("name,photo,expires\nAnn,a,1.2.2027\nBob,b,9999-12-31\n", ["line 2: ", "line 3: "]),
        ("name,photo,expires\nAnn,a,2027-01-01\nann,b,2027-01-02\n", ["line 3: 'ann' has another"]),
        ('name,photo\n"Ann,a\n', ["no CSV"]),
        ("name,photo,consent_basis\nAnn,a," + "x" * 201, ["201 characters"]),
    ],
)
def test_every_fault_of_a_list_is_told_with_its_line(tmp_path: Path, text: str, faults: list[str]) -> None:
    with pytest.raises(RosterError, match="nothing was imported") as caught:
        read_list(write(tmp_path, text))
    for fault in faults:
        assert fault in str(caught.value)


def test_a_photo_of_a_list_that_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    with pytest.raises(RosterError, match="nothing was imported") as caught:
        read_list(write(tmp_path, f"name,photo\nAnn,a.jpg\nBob,b.jpg\nBob,c\0\nBob,{'d' * 300}\n"))
    for line in (3, 4, 5):
        assert f"line {line}: photo " in str(caught.value)
    assert "line 2" not in str(caught.value)


def test_a_list_that_is_no_text_or_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match="UTF-8"):
        read_list(write(tmp_path, "name;photo\nZoë;a", "latin-1"))
    with pytest.raises(RosterError, match="No such file"):
        read_list(tmp_path / "absent.csv")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=50) | st.text('name,photo;"\n\0é', max_size=80).map("name,photo\n".__add__))
def test_any_text_is_a_list_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(RosterError):
        assert all(entry.name for entry in read_list(path))
