"""With the models that are shipped, on the sample pictures of installed packages."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import cv2
import pytest
from numpy.typing import NDArray

from daemon.store import Store
from tests.daemon.cli.commands import Deconvid, deconvid_on
from tests.daemon.factories import make_template, unit


@pytest.fixture
def deconvid(tmp_path: Path) -> Deconvid:
    return deconvid_on(tmp_path, "people")


@pytest.fixture
def people(tmp_path: Path) -> Store:
    """Ann and Bob, closed again."""
    with Store.open(tmp_path / "state" / "identities.sqlite") as store:
        store.people.enrol("Ann", make_template(unit(1)))
        store.people.enrol("Bob", make_template(unit(2)))
    return store


def test_each_photo_of_a_folder_is_accepted_or_refused_with_a_reason(
    deconvid: Deconvid, tmp_path: Path, astronaut: NDArray, six_faces: NDArray, tom_hanks: NDArray
) -> None:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    cv2.imwrite(str(folder / "astronaut.png"), astronaut)
    cv2.imwrite(str(folder / "astronaut-again.png"), astronaut)
    cv2.imwrite(str(folder / "six.png"), six_faces)
    cv2.imwrite(str(folder / "more" / "tiny.png"), cv2.resize(astronaut, (150, 150)))
    (folder / "more" / "letter.jpg").write_text("Dear Eileen")
    result = deconvid("add", "Eileen", str(folder))
    assert result.exit_code == 0
    told = dict(line.split("/photos/")[1].split(": ", 1) for line in result.stdout.splitlines()[:-1])
    assert told["astronaut.png"].startswith("known already (")
    assert told["astronaut-again.png"].startswith("quality 0.")
    assert told["six.png"].startswith("several faces (6")
    assert told["more/tiny.png"].startswith("too small (")
    assert told["more/letter.jpg"].startswith("unreadable (")
    assert "Eileen: 1 of 5 photos accepted" in result.stdout
    assert "Eileen: 0 of 1 photos accepted" in deconvid("add", " eileen", str(folder / "astronaut.png")).stdout

    cv2.imwrite(str(tmp_path / "tom.png"), tom_hanks)
    assert "looks like" not in deconvid("add", "Tom", str(tmp_path / "tom.png")).stderr
    assert "looks like Tom" in deconvid("add", "Thomas", str(tmp_path / "tom.png")).stderr


def test_add_fails_if_no_photo_is_accepted(deconvid: Deconvid, tmp_path: Path) -> None:
    result = deconvid("add", "Ann", str(tmp_path / "missing.jpg"))
    assert result.exit_code == 1
    assert "unreadable" in result.stdout
    assert json.loads(deconvid("list", "--json").stdout) == []


def test_add_to_somebody_whose_templates_cannot_be_opened_warns(deconvid: Deconvid, people: Store) -> None:
    assert "cannot be opened" not in deconvid("add", "Ann", "missing.jpg").stderr
    with closing(sqlite3.connect(people.vault.ring.path)) as ring, ring:
        ring.execute("DELETE FROM keys WHERE subject = 'person:1'")
    told = deconvid("add", "ann", "missing.jpg").stderr
    assert told.count("warning: 1 templates of ann cannot be opened") == 1
    assert "Put the newest copy of the ring back" in told


def test_impossible_name_is_told(deconvid: Deconvid) -> None:
    result = deconvid("add", " ", "photo.jpg")
    assert (result.exit_code, "name is empty" in result.stderr) == (1, True)


def test_list_and_show_are_for_people_and_machines(deconvid: Deconvid, people: Store) -> None:
    assert [line.split("\t")[:3] for line in deconvid("list").stdout.splitlines()] == [
        ["id", "name", "photos"],
        ["1", "Ann", "1"],
        ["2", "Bob", "1"],
    ]
    assert [person["name"] for person in json.loads(deconvid("list", "--json").stdout)] == ["Ann", "Bob"]
    assert "photo.jpg" in deconvid("show", "ann").stdout
    [template] = json.loads(deconvid("show", "ann", "--json").stdout)["templates"]
    assert template["source"] == "photo.jpg"


def test_photo_that_cannot_be_opened_is_shown_with_its_id_and_can_be_removed(deconvid: Deconvid, people: Store) -> None:
    with Store.open(people.database.path) as store:
        store.people.enrol("Ann", make_template(unit(3)))
    with closing(sqlite3.connect(people.database.path)) as database, database:
        database.execute("UPDATE templates SET embedding = x'01' WHERE id = 1")
    shown = deconvid("show", "Ann")
    rows = [line.split("\t")[:3] for line in shown.stdout.splitlines()[-2:]]
    assert rows == [["1", "photo.jpg", "unreadable"], ["3", "photo.jpg", "0.90"]]
    assert "photo 1 of Ann cannot be read. If" in shown.stderr
    assert '`deconvid people remove-photo "Ann" 1`' in shown.stderr
    told = json.loads(deconvid("show", "Ann", "--json").stdout)
    assert [template["readable"] for template in told["templates"]] == [False, True]
    assert deconvid("remove-photo", "Ann", 1, "--yes").exit_code == 0
    assert deconvid("show", "Ann").stderr == ""


def test_nothing_is_added_under_a_consent_that_has_ended(deconvid: Deconvid, people: Store) -> None:
    deconvid("consent", "Ann", "--basis", "signed", "--expires", "2026-03-01")
    result = deconvid("add", "ann", "missing.jpg")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the consent of 'Ann' ended on 2026-03-01" in result.stderr
    assert 'deconvid people consent "Ann" --basis WHY --expires DATE' in result.stderr


def test_rename_tells_a_taken_name(deconvid: Deconvid, people: Store) -> None:
    assert deconvid("rename", "Ann", "Anna").exit_code == 0
    result = deconvid("rename", "Anna", "bob")
    assert (result.exit_code, "belongs to another person" in result.stderr) == (1, True)


def test_one_photo_is_removed_by_its_id(deconvid: Deconvid, people: Store, tmp_path: Path) -> None:
    with Store.open(tmp_path / "state" / "identities.sqlite") as store:
        store.people.enrol("Ann", make_template(unit(3)))
    first, second = (photo["id"] for photo in json.loads(deconvid("show", "Ann", "--json").stdout)["templates"])
    assert f"{first}\tphoto.jpg" in deconvid("show", "Ann").stdout
    assert deconvid("remove-photo", "Ann", first, stdin="n\n").exit_code == 1
    assert deconvid("remove-photo", "Ann", first, "--yes").stdout == f"Ann: photo {first} (photo.jpg) is removed\n"
    gone, last = deconvid("remove-photo", "Ann", first, "--yes"), deconvid("remove-photo", "Ann", second, "--yes")
    assert (gone.exit_code, f"no photo {first}" in gone.stderr) == (1, True)
    assert (last.exit_code, "deconvid people erase" in last.stderr) == (1, True)


def test_erase_asks_first(deconvid: Deconvid, people: Store) -> None:
    assert deconvid("erase", "Ann", stdin="n\n").exit_code == 1
    assert deconvid("show", "Ann").exit_code == 0
    assert deconvid("erase", "Ann", stdin="y\n").exit_code == 0
    assert deconvid("erase", "Bob", "--yes").exit_code == 0
    assert json.loads(deconvid("list", "--json").stdout) == []
    assert "no person named" in deconvid("erase", "Ann", "--yes").stderr
