import pytest

from config import (
    CameraSettings,
    DetectionSettings,
    EmbeddingSettings,
    EventSettings,
    IdentitySettings,
    NetworkSettings,
    PrivacySettings,
    Settings,
)
from config.rules import RuleSettings
from daemon.checking import find_problems, find_source_problems, find_warnings
from daemon.store import Store
from engine.manifests import SHIPPED


@pytest.fixture
def make_settings(tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.touch()

    def make(**overrides):
        values = {"state": tmp_path / "state", "cameras": {"door": CameraSettings(url=str(clip))}}
        return Settings(**(values | overrides))

    return make


def keys(settings):
    return [problem.key for problem in (*find_problems(settings), *find_source_problems(settings))]


def test_good_settings_have_no_problem(make_settings):
    assert find_problems(make_settings()) == []


def test_no_camera_is_a_problem(make_settings):
    assert keys(make_settings(cameras={})) == ["cameras"]


@pytest.mark.parametrize("url", ["missing.mp4", "/dev/video99"])
def test_a_source_that_is_not_there(make_settings, url):
    assert keys(make_settings(cameras={"door": CameraSettings(url=url)})) == ["cameras.door.url"]


def test_a_password_without_a_user(make_settings):
    camera = CameraSettings(url="rtsp://127.0.0.1/x", password="hunter2")
    [problem] = find_problems(make_settings(cameras={"door": camera}))
    assert problem.key == "cameras.door.username"
    assert "hunter2" not in str(problem)


def test_every_problem_is_found_at_once(make_settings):
    settings = make_settings(
        cameras={"door": CameraSettings(url="missing.mp4")},
        detection=DetectionSettings(model="nothing"),
        embedding=EmbeddingSettings(model="finder_v1"),
    )
    assert sorted(keys(settings)) == ["cameras.door.url", "detection.model", "embedding.model"]


@pytest.mark.parametrize("key", ["people", "watch"])
def test_a_rule_about_somebody_whom_nobody_can_be(make_settings, key):
    rule = RuleSettings.model_validate({key: [7, "Ada", "", "A\u200bda", "A" * 101]})
    problems = find_problems(make_settings(rules={"front": rule}))
    assert {problem.key for problem in problems} == {f"rules.front.{key}"}
    empty, hidden, long = map(str, problems)
    assert "empty" in empty
    assert r"'A\u200bda'" in hidden
    assert "at most 100" in long


def test_a_missing_source_is_a_problem_of_that_camera_alone(make_settings):
    settings = make_settings(cameras={"door": CameraSettings(url="missing.mp4")})
    assert find_problems(settings) == []
    assert find_source_problems(settings)


def test_tracks_that_end_between_two_looks(make_settings, tmp_path):
    camera = CameraSettings(url=str(tmp_path / "clip.mp4"), detect_fps=0.4)
    assert keys(make_settings(cameras={"door": camera})) == ["tracking.lost_after_s"]


def test_a_long_path_of_sockets(make_settings, tmp_path):
    assert "runtime" in keys(make_settings(runtime=tmp_path / ("x" * 120)))


def test_sockets_do_not_live_in_the_state_folder_itself(make_settings, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to("state")
    [problem] = find_problems(make_settings(runtime=tmp_path / "link"))
    assert problem.key == "runtime"
    assert "Leave `runtime` out" in str(problem)


def test_a_state_folder_below_a_file(make_settings, tmp_path):
    assert keys(make_settings(state=tmp_path / "clip.mp4" / "state"))[0] == "state"


def test_an_address_of_another_machine(make_settings):
    network = NetworkSettings(address="192.0.2.1")
    assert keys(make_settings(events=EventSettings(network=network))) == ["events.network.address"]


def test_a_damaged_server_key(make_settings, tmp_path):
    settings = make_settings(events=EventSettings(network=NetworkSettings(address="127.0.0.1")))
    assert keys(settings) == []
    assert not settings.keys_folder.exists()
    settings.keys_folder.mkdir(parents=True)
    (settings.keys_folder / "server.json").write_text("{}")
    assert keys(settings) == ["events.network.encryption"]


@pytest.mark.parametrize("reference", ["env:NO_SUCH_KEY", "file:/nonexistent/key"])
def test_a_master_key_that_is_not_there(make_settings, reference):
    [problem] = find_problems(make_settings(privacy=PrivacySettings(master_key=reference)))
    assert problem.key == "privacy.master_key"
    assert "Put the key back" in problem.fix


def test_a_credential_that_only_the_service_sees_is_not_missed(make_settings, tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    settings = make_settings(privacy=PrivacySettings(master_key="credential:master.key"))
    assert find_problems(settings) == []
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert keys(settings) == ["privacy.master_key"]


def test_the_own_master_key_is_missed_once_it_was_made(make_settings):
    settings = make_settings()
    Store.of(settings, "test").close()
    assert find_problems(settings) == []
    (settings.state / "master.key").unlink()
    [problem] = find_problems(settings)
    assert (problem.key, "Put the key back" in problem.fix) == ("privacy.master_key", True)


def test_a_master_key_that_others_may_read_is_warned_of(make_settings):
    settings = make_settings()
    assert find_warnings(settings) == []
    Store.of(settings, "test").close()
    assert find_warnings(settings) == []
    (settings.state / "master.key").chmod(0o640)
    [warning] = find_warnings(settings)
    assert warning.fix == f"chmod 600 {settings.state}/master.key"
    assert find_problems(settings) == []


def test_people_at_large_of_whom_the_model_says_nothing_are_warned_of(make_settings, tmp_path):
    shipped = make_settings(identity=IdentitySettings(strangers_are="anybody"))
    assert find_warnings(shipped) == []
    models = tmp_path / "models"
    models.mkdir()
    manifest = (SHIPPED / "deconv_v2.toml").read_text().replace('name = "deconv_v2"', 'name = "older"')
    (models / "older.toml").write_text(manifest.partition("[impostors.anybody")[0])
    older = {"models": [models], "embedding": EmbeddingSettings(model="older")}
    [warning] = find_warnings(make_settings(identity=IdentitySettings(strangers_are="anybody"), **older))
    assert (warning.key, "older" in warning.fault) == ("identity.strangers_are", True)
    assert find_warnings(make_settings(**older)) == []
    fixed = IdentitySettings(strangers_are="anybody", threshold=0.5)
    assert find_warnings(make_settings(identity=fixed, **older)) == []
