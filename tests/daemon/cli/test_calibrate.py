import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from config import Settings
from daemon.cli import app
from daemon.identity.calibration import threshold
from daemon.store import Store
from daemon.store.calibrations import StoredCalibration
from engine.manifests import find_model
from tests.daemon.factories import make_template, towards, unit

MODEL = find_model(Settings().embedding.model, ())
Deconvid = Callable[..., Result]


@pytest.fixture
def deconvid(tmp_path: Path) -> Deconvid:
    def run(*arguments: str, settings: str = "") -> Result:
        config = tmp_path / "config.toml"
        config.write_text(f'state = "{tmp_path}/state"\n{settings}')
        environment = {"DECONVID_CONFIG": str(config), "COLUMNS": "200"}
        return CliRunner().invoke(app, ["calibrate", *arguments], env=environment)

    return run


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """The database of Ann, who has three photos, and [Bob], who has one and looks like her."""
    path = tmp_path / "state" / "identities.sqlite"
    with Store.open(path) as store:
        for seed in (5, 6, 7):
            store.people.enrol("Ann", make_template(towards(unit(1), 0.97, seed), MODEL.sha256))
        store.people.enrol("[Bob]", make_template(towards(unit(1), 0.9, 8), MODEL.sha256))
    return path


def test_report_tells_the_threshold_its_cost_and_advice(deconvid: Deconvid, twins: Path) -> None:
    told = deconvid("report")
    assert told.exit_code == 0
    assert "2 people, 4 photos" in told.stdout
    assert "1 stranger in 1,000 is named" in told.stdout
    assert "Ann\tlooks like [Bob]" in told.stdout
    assert "[Bob]\tlooks like Ann" in told.stdout


def test_report_as_json_names_everybody_by_id(deconvid: Deconvid, twins: Path) -> None:
    told = json.loads(deconvid("report", "--json", settings="[identity]\nthreshold = 0.5\n").stdout)
    assert told["names"] == {"1": "Ann", "2": "[Bob]"}
    assert (told["in_force"]["threshold"], told["is_fixed"]) == (0.5, True)
    assert told["look_alikes"][0]["person_ids"] == [1, 2]
    assert len(told["advice"]["2"]) == 2


def test_now_and_report_compute_the_threshold_and_leave_the_daemon_s_alone(deconvid: Deconvid, twins: Path) -> None:
    told = json.loads(deconvid("now", "--json", settings="[identity]\nfpir = 0.01\n").stdout)
    assert MODEL.impostors
    assert told["threshold"] == pytest.approx(threshold(0.01, 4, MODEL.impostors.track, told["alikeness"]))
    assert told["strangers_are"] == "alike"
    noted = StoredCalibration(MODEL.sha256, 3, 0.001, 0.5, "{}")
    with Store.open(twins) as store:
        assert store.calibrations.get(MODEL.sha256) is None
        store.calibrations.put(noted)
    assert deconvid("now").exit_code == deconvid("report").exit_code == 0
    with Store.open(twins) as store:
        assert store.calibrations.get(MODEL.sha256) == noted


def test_people_at_large_are_told_beside_those_who_are_alike(deconvid: Deconvid, twins: Path) -> None:
    told = deconvid("report", settings='[identity]\nstrangers_are = "anybody"\n')
    assert "1 stranger in 1,000 is named (of people at large)" in told.stdout
    rows = [row.split("\t") for row in told.stdout.splitlines() if row.startswith("0.10%\t")]
    assert [row[1] for row in rows] == ["alike", "anybody"]
    assert rows[1][2] < rows[0][2]
    assert f"threshold {rows[1][2]} by identity.fpir" in told.stdout


def test_now_says_when_the_configuration_overrides_it(deconvid: Deconvid, twins: Path) -> None:
    told = deconvid("now", settings="[identity]\nthreshold = 0.5\n")
    assert "for 4 photos" in told.stdout
    assert "identity.threshold = 0.5" in told.stderr


def test_empty_gallery_is_no_error(deconvid: Deconvid, tmp_path: Path) -> None:
    Store.open(tmp_path / "state" / "identities.sqlite").close()
    told = deconvid("report")
    assert "0 people, 0 photos" in told.stdout
    assert "nobody is enrolled" in told.stderr
    assert "people add" in told.stderr


def test_model_without_tails_is_refused_with_the_fix(deconvid: Deconvid, tmp_path: Path) -> None:
    manifest = (Path("engine/models") / "deconv_v2.toml").read_text().partition("[impostors")[0]
    models = tmp_path / "models"
    models.mkdir()
    (models / "bare.toml").write_text(manifest.replace('name = "deconv_v2"', 'name = "bare"'))
    told = deconvid("now", settings=f'models = ["{models}"]\n[embedding]\nmodel = "bare"\n')
    assert told.exit_code == 1
    assert "training.fit_tails" in told.stderr
