import json

import pytest
from typer.testing import CliRunner

from daemon.cli import app


@pytest.fixture
def run(tmp_path, make_clip):
    def run(text, *options):
        (tmp_path / "config.toml").write_text(text.format(folder=tmp_path, clip=make_clip()))
        return CliRunner().invoke(app, ["doctor", "--config", str(tmp_path / "config.toml"), *options])

    return run


SOUND = 'state = "{folder}/state"\nweb.listen = ""\n[cameras.door]\nurl = "{clip}"\n'


def test_a_sound_installation_passes(run):
    done = run(SOUND)
    assert done.exit_code == 0
    assert "✓ cameras: door: 320x240 h264" in done.output


def test_a_fault_fails_and_comes_with_its_fix(run):
    done = run(SOUND.replace("{clip}", "/missing.mp4"), "--json")
    assert done.exit_code == 1
    [fault] = [finding for finding in json.loads(done.output) if finding["state"] == "fail"]
    assert (fault["area"], fault["subject"]) == ("cameras", "door")
    assert fault["fix"]


def test_cameras_can_be_left_alone(run):
    done = run(SOUND.replace("{clip}", "/missing.mp4"), "--no-cameras")
    assert done.exit_code == 0
    assert "cameras:" not in done.output
