"""Import, capture, export and reembed, with the models that are shipped."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import av
import cv2
import onnx
import pytest
from click.testing import Result
from numpy.typing import NDArray
from typer.testing import CliRunner

from daemon.cli import app
from daemon.enrolment.sealed_file import MAGIC
from engine.manifests import find_model

Deconvid = Callable[..., Result]
PASSPHRASE = "correct horse"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(f'state = "{tmp_path}/state"\n')
    return path


@pytest.fixture
def deconvid(config: Path) -> Deconvid:
    def run(*arguments: str, passphrase: str = PASSPHRASE) -> Result:
        environment = {"DECONVID_CONFIG": str(config), "COLUMNS": "200", "DECONVID_PASSPHRASE": passphrase}
        return CliRunner().invoke(app, ["people", *arguments], env=environment)

    return run


@pytest.fixture
def folders(tmp_path: Path, astronaut: NDArray, six_faces: NDArray, tom_hanks: NDArray) -> Path:
    """Eileen and Tom, a photo of six, and one of Tom among Eileen's."""
    for name, picture in [
        ("Eileen/1.png", astronaut),
        ("Eileen/2.jpg", cv2.flip(astronaut, 1)),
        ("Eileen/six.png", six_faces),
        ("Eileen/tom.png", tom_hanks),
        ("Tom/1.png", tom_hanks),
    ]:
        path = tmp_path / "folders" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)
    return tmp_path / "folders"


def write_still(path: Path, picture: NDArray, seconds: int) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], "yuv420p"
        for _ in range(10 * seconds):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode(None))


def people(deconvid: Deconvid) -> dict[str, int]:
    return {person["name"]: person["template_count"] for person in json.loads(deconvid("list", "--json").stdout)}


def test_folders_are_imported_and_a_second_run_goes_on(deconvid: Deconvid, folders: Path) -> None:
    result = deconvid("import", str(folders))
    assert result.exit_code == 0
    assert "six.png: several faces (6" in result.stdout
    assert "5 photos of 2 people" in result.stdout
    assert "4 accepted, 1 refused (1 several faces)" in result.stdout
    assert "Eileen: 1 of 3 photos does not look like the others: tom.png" in result.stderr
    assert "Eileen and Tom: enrolled with the same picture" in result.stderr
    assert people(deconvid) == {"Eileen": 3, "Tom": 1}
    assert "0 accepted, 1 refused (1 several faces), 4 were in already" in deconvid("import", str(folders)).stdout


def test_a_list_is_imported_with_consent(deconvid: Deconvid, folders: Path) -> None:
    (folders / "people.csv").write_text("name,photo,consent_basis,expires\nTom H,Tom,signed form,2099-12-31\n")
    assert deconvid("import", str(folders / "people.csv")).exit_code == 0
    assert people(deconvid) == {"Tom H": 1}


def test_consent_of_a_list_reaches_those_whose_photos_are_all_in(deconvid: Deconvid, folders: Path) -> None:
    source = folders / "people.csv"
    source.write_text("name,photo\nTom H,Tom\n")
    deconvid("import", str(source))
    source.write_text("name,photo,consent_basis,expires\nTom H,Tom,signed form,2099-12-31\n")
    result = deconvid("import", str(source))
    assert (result.exit_code, "1 were in already" in result.stdout) == (0, True)
    assert "another now of 1 people: 'Tom H'" in result.stdout
    [tom] = json.loads(deconvid("list", "--json").stdout)
    assert (tom["consent_basis"], tom["expires_at"][:10]) == ("signed form", "2100-01-01")
    assert "another now" not in deconvid("import", str(source)).stdout


@pytest.mark.parametrize("source", ["absent", "config.toml"])
def test_what_is_no_source_is_told(deconvid: Deconvid, tmp_path: Path, source: str) -> None:
    result = deconvid("import", str(tmp_path / source))
    assert (result.exit_code, "nothing was imported" in result.stderr) == (1, True)


def test_a_gallery_goes_from_one_store_to_another(deconvid: Deconvid, folders: Path, tmp_path: Path) -> None:
    deconvid("import", str(folders))
    target = tmp_path / "gallery"
    result = deconvid("export", str(target))
    assert (result.exit_code, "2 people with 4 templates of model deconv_v2" in result.stdout) == (0, True)
    assert target.read_bytes().startswith(MAGIC)
    assert "exists" in deconvid("export", str(target)).stderr
    assert "--on-conflict" in deconvid("import", str(target)).stderr
    shutil.rmtree(tmp_path / "state")
    assert "does not open with this passphrase" in deconvid("import", str(target), passphrase="wrong horse").stderr
    assert "holds no identity store" in deconvid("list").stderr
    assert not (tmp_path / "state" / "master.key").exists()
    assert "2 of 2 people imported, 4 templates" in deconvid("import", str(target)).stdout
    assert people(deconvid) == {"Eileen": 3, "Tom": 1}
    renamed = deconvid("import", str(target), "--on-conflict", "rename")
    assert "Tom is Tom (2) here" in renamed.stdout


def test_a_passphrase_that_is_guessed_at_once_is_refused(deconvid: Deconvid, tmp_path: Path) -> None:
    assert "7 characters" in deconvid("export", str(tmp_path / "gallery"), passphrase="letmein").stderr
    assert "there is no passphrase" in deconvid("export", str(tmp_path / "gallery"), passphrase="").stderr
    assert not (tmp_path / "gallery").exists()


@pytest.fixture
def other_model(tmp_path: Path, config: Path) -> Callable[[], None]:
    """Configures another embedder: the same network under another digest."""

    def configure() -> None:
        spec, models = find_model("deconv_v2"), tmp_path / "models"
        models.mkdir()
        network = onnx.load(spec.verified_path())
        network.doc_string = "another model"
        onnx.save(network, models / "other.onnx")
        digest = hashlib.sha256((models / "other.onnx").read_bytes()).hexdigest()
        (models / "other.toml").write_text(
            f'name = "other"\ntask = "embedder"\nkind = "embedder"\nfile = "other.onnx"\nsha256 = "{digest}"\n'
            f'input_size = 112\ncolour = "rgb"\nmean = 127.5\nstd = 127.5\ndimension = {spec.dimension}\n'
            'threshold = 0.63\nlicence = "x"\nsource = "x"\n'
        )
        state = config.read_text()
        config.write_text(f'{state}models = ["{models}"]\n[embedding]\nmodel = "other"\n')

    return configure


def test_after_a_change_of_the_model_reembed_is_named_and_makes_everybody_known_again(
    deconvid: Deconvid, folders: Path, tmp_path: Path, other_model: Callable[[], None]
) -> None:
    deconvid("import", str(folders))
    deconvid("export", str(tmp_path / "gallery"))
    other_model()
    assert "deconvid people reembed" in deconvid("list").stderr
    assert "4 faces are of other now" in deconvid("reembed").stdout
    assert "nothing to do" in deconvid("reembed").stdout
    assert deconvid("list").stderr == ""
    shutil.rmtree(tmp_path / "state")
    result = deconvid("import", str(tmp_path / "gallery"))
    assert "4 of 4 templates were made by another model (deconv_v2)" in result.stderr
    assert people(deconvid) == {"Eileen": 3, "Tom": 1}


def test_photo_that_cannot_be_read_stops_neither_export_nor_reembed(
    deconvid: Deconvid, folders: Path, tmp_path: Path, other_model: Callable[[], None]
) -> None:
    deconvid("import", str(folders))
    with closing(sqlite3.connect(tmp_path / "state" / "identities.sqlite")) as database, database:
        [[id]] = database.execute("SELECT id FROM templates WHERE source = '2.jpg'").fetchall()
        database.execute("UPDATE templates SET embedding = x'01', crop = x'01' WHERE id = ?", [id])
    exported = deconvid("export", str(tmp_path / "gallery"))
    assert (exported.exit_code, "2 people with 3 templates" in exported.stdout) == (0, True)
    assert "1 template left out, unreadable" in exported.stderr
    other_model()
    reembedded = deconvid("reembed")
    assert (reembedded.exit_code, "3 faces are of other now" in reembedded.stdout) == (1, True)
    assert "1 crop left as before, unreadable" in reembedded.stderr
    for told in (exported, reembedded):
        assert f'deconvid people remove-photo "Eileen" {id}' in told.stderr
    assert deconvid("remove-photo", "Eileen", str(id), "--yes").exit_code == 0
    assert "nothing to do" in deconvid("reembed").stdout


def test_imported_people_whose_consent_has_ended_are_told(deconvid: Deconvid, folders: Path, tmp_path: Path) -> None:
    deconvid("import", str(folders))
    deconvid("consent", "Tom", "--basis", "signed", "--expires", "2026-03-01")
    deconvid("export", str(tmp_path / "gallery"))
    shutil.rmtree(tmp_path / "state")
    result = deconvid("import", str(tmp_path / "gallery"))
    assert (result.exit_code, "2 of 2 people imported" in result.stdout) == (0, True)
    assert "the consent of 1 of them has ended: 'Tom'" in result.stderr


def test_somebody_before_a_camera_is_enrolled(
    deconvid: Deconvid, config: Path, tmp_path: Path, astronaut: NDArray
) -> None:
    write_still(tmp_path / "lobby.mp4", astronaut, seconds=2)
    config.write_text(f'{config.read_text()}[cameras.lobby]\nurl = "{tmp_path}/lobby.mp4"\n')
    result = deconvid("capture", "Eileen", "--camera", "lobby")
    assert result.exit_code == 0
    assert "looks: good" in result.stderr
    assert "of camera lobby enrolled" in result.stdout
    assert people(deconvid)["Eileen"] >= 1


def test_nobody_sits_down_whose_consent_has_ended(
    deconvid: Deconvid, folders: Path, config: Path, tmp_path: Path
) -> None:
    deconvid("import", str(folders))
    deconvid("consent", "Tom", "--basis", "signed", "--expires", "2026-03-01")
    config.write_text(f'{config.read_text()}[cameras.lobby]\nurl = "{tmp_path}/absent.mp4"\n')
    assert "no such file" in deconvid("capture", "Eileen", "--camera", "lobby").stderr
    result = deconvid("capture", "Tom", "--camera", "lobby")
    assert (result.exit_code, "no such file" in result.stderr) == (1, False)
    assert 'deconvid people consent "Tom"' in result.stderr


def test_an_unknown_camera_is_told(deconvid: Deconvid) -> None:
    result = deconvid("capture", "Ann", "--camera", "lobby")
    assert (result.exit_code, "Known are none" in result.stderr) == (2, True)
