import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config import Settings
from daemon.events import StrangerMerged, StrangerNamed, StrangerSplit, decode_event
from daemon.identity.crowd_change import crowd_change
from daemon.identity.sightings import Sighting, StrangerRules, see
from daemon.identity.strangers import Crowd
from daemon.store import Consent, Store
from daemon.store.stranger_records import Likeness
from engine.manifests import find_model
from tests.daemon.cli.commands import Deconvid, deconvid_on
from tests.daemon.factories import make_template, unit

MODEL = find_model(Settings().embedding.model, ()).sha256
CROP = b"\xff\xd8\xff face"


@pytest.fixture
def deconvid(tmp_path: Path) -> Deconvid:
    return deconvid_on(tmp_path, "unknowns", settings="[retention]\nunknown_days = 7\n")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Of a store with unknown-1, seen twice, and unknown-2, seen a month ago."""
    path = tmp_path / "state" / "identities.sqlite"
    now = datetime.now(UTC)
    seen = [(unit(1), "door", now), (unit(1), "yard", now), (unit(2), "door", now - timedelta(days=30))]
    with Store.open(path) as store:
        for id, (embedding, camera, at) in enumerate(seen, 1):
            snapshot = store.strangers.snapshot(MODEL)
            older = Crowd.of(snapshot)
            face = Likeness(id, embedding, 0.8, camera, at)
            newer, _ = see(older, Sighting(face, at), StrangerRules(0.5, 0.05))
            change = crowd_change(older, newer, revision=snapshot.revision, model_digest=MODEL, crops={id: CROP})
            store.strangers.apply(change)
    return path


def told(database: Path) -> list[object]:
    with Store.open(database) as store:
        return [decode_event(stored.payload) for stored in store.events.since(0)]


def actions(database: Path) -> list[tuple[str, str]]:
    with Store.open(database) as store:
        return [(entry.action, entry.subject) for entry in store.audit.entries(100)]


def listed(deconvid: Deconvid, *options: str) -> dict[str, dict[str, object]]:
    return {entry["unknown"]: entry for entry in json.loads(deconvid("list", "--json", *options).stdout)}


@pytest.mark.usefixtures("database")
def test_list_tells_sightings_and_cameras_who_was_seen_last_first(deconvid: Deconvid) -> None:
    _, *rows = [line.split("\t") for line in deconvid("list").stdout.splitlines()]
    assert [(row[0], row[1], row[4]) for row in rows] == [("unknown-1", "2", "door, yard"), ("unknown-2", "1", "door")]
    assert list(listed(deconvid, "--least", "2")) == ["unknown-1"]


def test_nobody_is_listed_where_nobody_was_seen(deconvid: Deconvid, tmp_path: Path) -> None:
    assert "holds no identity store" in deconvid("list").stderr
    assert not (tmp_path / "state").exists()
    Store.open(tmp_path / "state" / "identities.sqlite").close()
    assert "nobody unknown" in deconvid("list").stderr


def test_crops_are_written_for_their_reader_alone_and_that_is_on_record(
    deconvid: Deconvid, database: Path, tmp_path: Path
) -> None:
    result = deconvid("show", "unknown-1", "--crops", str(tmp_path / "faces"))
    assert result.exit_code == 0
    pictures = sorted((tmp_path / "faces").iterdir())
    assert [picture.name for picture in pictures] == ["unknown-1-1-door.jpg", "unknown-1-2-yard.jpg"]
    assert {picture.read_bytes() for picture in pictures} == {CROP}
    assert {stat.S_IMODE(picture.stat().st_mode) for picture in pictures} == {0o600}
    assert actions(database) == [("strangers.view", "stranger:1")]


def test_named_stranger_is_enrolled_and_listed_no_more(deconvid: Deconvid, database: Path) -> None:
    result = deconvid("name", "1", "Ann")
    assert result.stdout == "unknown-1 is Ann now, with 2 faces\n"
    assert list(listed(deconvid)) == ["unknown-2"]
    assert listed(deconvid, "--all")["unknown-1"]["person"] == "Ann"
    [event] = told(database)
    assert isinstance(event, StrangerNamed)
    assert event.person
    assert event.person.name == "Ann"
    assert ("strangers.name", "stranger:1") in actions(database)
    assert "is enrolled as Ann. `deconvid unknowns list --all`" in deconvid("name", "1", "Bob").stderr
    assert "is enrolled as Ann. `deconvid unknowns list --all`" in deconvid("ignore", "1").stderr


def enrol(database: Path, name: str, seed: int) -> None:
    with Store.open(database) as store:
        store.people.enrol(name, make_template(unit(seed), MODEL))


def test_name_of_somebody_whom_the_faces_do_not_resemble_needs_a_yes(deconvid: Deconvid, database: Path) -> None:
    enrol(database, "Ann", 3)
    refused = deconvid("name", "1", "ann")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "do not resemble who is enrolled by that name" in refused.stderr
    assert "`deconvid unknowns name unknown-1 NAME --yes`" in refused.stderr
    assert list(listed(deconvid)) == ["unknown-1", "unknown-2"]
    assert deconvid("name", "1", "ann", "--yes").stdout == "unknown-1 is Ann now, with 3 faces\n"


def test_new_name_for_a_known_face_is_given_with_a_warning(deconvid: Deconvid, database: Path) -> None:
    enrol(database, "[Bob]", 1)
    told = deconvid("name", "1", "Ann")
    assert told.stdout == "unknown-1 is Ann now, with 2 faces\n"
    assert "warning: Ann looks like [Bob], who is enrolled too" in told.stderr
    assert "warning" not in deconvid("name", "2", "Cid").stderr


def test_nobody_is_named_whose_consent_has_ended(deconvid: Deconvid, database: Path) -> None:
    enrol(database, "Ann", 1)
    with Store.open(database) as store:
        store.people.set_consent("Ann", Consent("signed", datetime.now(UTC) - timedelta(days=6)))
    for options in ((), ("--yes",)):
        refused = deconvid("name", "1", "Ann", *options)
        assert refused.exit_code == 1
        assert 'deconvid people consent "Ann" --basis WHY --expires DATE' in refused.stderr


def test_merge_and_split(deconvid: Deconvid, database: Path) -> None:
    assert deconvid("merge", "unknown-1", "unknown-2").stdout == "unknown-2: unknown-1 now\n"
    assert listed(deconvid, "--all")["unknown-2"]["merged_into"] == 1
    assert deconvid("split", "unknown-1", "3").stdout == "1 picture of unknown-1: unknown-3 now\n"
    merged, split = told(database)
    assert isinstance(merged, StrangerMerged)
    assert isinstance(split, StrangerSplit)
    assert (split.stranger, split.new) == ("unknown-1", "unknown-3")
    assert "has the pictures 1, 2: name some of them" in deconvid("split", "1", "7").stderr
    assert deconvid("merge", "1", "1").exit_code == 2


@pytest.mark.usefixtures("database")
def test_ignored_stranger_can_be_heeded_again(deconvid: Deconvid) -> None:
    deconvid("ignore", "1", "2")
    assert {entry["state"] for entry in listed(deconvid).values()} == {"ignored"}
    deconvid("ignore", "--undo", "2")
    assert [entry["state"] for entry in listed(deconvid).values()] == ["ignored", "open"]


def test_forgetting_asks_first(deconvid: Deconvid, database: Path) -> None:
    assert deconvid("forget", "1", stdin="n\n").exit_code == 1
    assert len(listed(deconvid)) == 2
    assert deconvid("forget", "1", stdin="y\n").exit_code == 0
    assert list(listed(deconvid)) == ["unknown-2"]
    assert actions(database) == [("strangers.forget", "stranger:1")]


@pytest.mark.usefixtures("database")
def test_dry_run_shows_what_retention_would_forget_and_forgets_nothing(deconvid: Deconvid) -> None:
    assert json.loads(deconvid("expire", "--dry-run", "--json").stdout)["unknown"] == [2]
    assert len(listed(deconvid)) == 2
    assert "unknown\t1" in deconvid("expire").stdout
    assert list(listed(deconvid)) == ["unknown-1"]


@pytest.mark.parametrize("arguments", [("show", "Ann"), ("forget", "-y", "x1"), ("merge", "1")])
def test_what_is_no_number_is_refused(deconvid: Deconvid, arguments: tuple[str, ...]) -> None:
    assert deconvid(*arguments).exit_code == 2


def test_number_that_nobody_has(deconvid: Deconvid, database: Path) -> None:
    result = deconvid("forget", "-y", "9")
    assert result.exit_code == 1
    assert "there is no unknown-9. `deconvid unknowns list --all`" in result.stderr


@pytest.mark.usefixtures("database")
def test_one_is_not_many(deconvid: Deconvid, tmp_path: Path) -> None:
    assert "seen 2 times from" in deconvid("show", "1").stdout
    shown = deconvid("show", "2", "--crops", str(tmp_path / "faces"))
    assert "seen 1 time from" in shown.stdout
    assert "1 pictures" not in shown.stderr
    assert deconvid("name", "2", "Ann").stdout == "unknown-2 is Ann now, with 1 face\n"
