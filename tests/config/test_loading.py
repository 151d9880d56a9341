from pathlib import Path

import pytest

from config import ConfigError, Problem, load_settings, read_settings


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return path

    return write


def problems(path: Path, environment: dict[str, str] | None = None) -> dict[str, Problem]:
    with pytest.raises(ConfigError) as caught:
        load_settings(path, environment or {})
    return {problem.key: problem for problem in caught.value.problems}


def test_the_example_loads():
    example = Path(__file__).parents[2] / "config" / "example.toml"
    settings = load_settings(example, {"DOOR_PASSWORD": "pw"})
    assert settings.cameras["door"].kind == "rtsp"
    assert settings.cameras["yard"].kind == "device"


def test_what_is_kept_for_ever_is_never_deleted(write):
    settings = load_settings(write('[events]\nkeep_days = "never"\n[retention]\nunknown_days = "never"\n'), {})
    assert (settings.events.keep_days, settings.retention.unknown_days) == (None, None)
    assert settings.retention.ignored_days == 365
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize("days", ["0", '"for ever"', "2.5"])
def test_days_are_whole_ones_or_never(write, days):
    assert set(problems(write(f"[events]\nkeep_days = {days}\n"))) == {"events.keep_days"}


def test_every_problem_is_told_at_once(write):
    found = problems(
        write('stat = "/x"\n[cameras.Door]\nurl = "a.mp4"\n[cameras.yard]\nurl = "http://x/"\ndetect_fps = 0\n')
    )
    assert set(found) == {"stat", "cameras.Door", "cameras.yard.url", "cameras.yard.detect_fps"}
    assert all(problem.fault and problem.fix for problem in found.values())


def test_a_missing_file_names_itself_and_the_fix(tmp_path):
    [problem] = problems(tmp_path / "none.toml").values()
    assert "none.toml" in problem.key
    assert "--config" in problem.fix


def test_broken_toml_tells_where(write):
    [problem] = problems(write("a = 1\nb b\n")).values()
    assert "line 2" in problem.fault


def test_no_problem_shows_a_password(write):
    path = write('[cameras.door]\nurl = "ftp://user:hunter2@host/x"\npassword = "hunter2"\nread_timeout_s = -1\n')
    assert all("hunter2" not in str(problem) for problem in problems(path).values())


def test_settings_show_no_password(write):
    settings = load_settings(write('[cameras.door]\nurl = "rtsp://u:hunter2@host/x"\npassword = "hunter2"\n'), {})
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


def test_a_credential_goes_before_the_environment(write, tmp_path):
    (tmp_path / "DOOR").write_text("from-file\n")
    path = write('[cameras.door]\nurl = "rtsp://host/x"\nusername = "u"\npassword = "${DOOR}"\n')
    settings = load_settings(path, {"DOOR": "from-environment", "CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert settings.cameras["door"].address == "rtsp://u:from-file@host/x"


def test_an_unset_variable_names_the_key_and_the_fix(write):
    found = problems(write('[cameras.door]\nurl = "rtsp://u:${NOT_SET}@host/x"\n'))
    assert "LoadCredential=NOT_SET:/etc/deconvid/credentials/NOT_SET, restart" in found["cameras.door.url"].fix


def test_outside_of_the_service_credentials_are_where_the_unit_finds_them(write, tmp_path, monkeypatch):
    monkeypatch.setattr("config.credentials.SOURCES", tmp_path)
    (tmp_path / "DOOR").write_text("secret\n")
    path = write('[cameras.door]\nurl = "rtsp://host/x"\nusername = "u"\npassword = "${DOOR}"\n')
    assert load_settings(path, {"DOOR": "other"}).cameras["door"].address == "rtsp://u:secret@host/x"


def test_a_password_with_special_characters_is_encoded(write):
    path = write('[cameras.door]\nurl = "rtsp://host:554/x"\nusername = "a@b"\npassword = "p/w:1"\n')
    assert load_settings(path, {}).cameras["door"].address == "rtsp://a%40b:p%2Fw%3A1@host:554/x"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "is empty"),
        ("admin:hunter2@192.0.2.1:554/s", "without rtsp://"),
        ("rtsp:/admin:hunter2@192.0.2.1/s", "without rtsp://"),
        ("rtsps//admin:hunter2@192.0.2.1/s", "without rtsp://"),
        ("admin:hunter2@rtsp://192.0.2.1/s", "scheme"),
        ("http://admin:hunter2@192.0.2.1/s", "scheme"),
        ("rtsp://admin:hun#ter2@192.0.2.1/s", "keys username and password"),
        ("rtsp://admin:hun/ter2@192.0.2.1/s", "keys username and password"),
        ("rtsp://admin:hunter2@/s", "no host"),
        ("rtsp://admin:hunter2@192.0.2.1:99999/s", "port"),
    ],
)
def test_a_wrong_address_is_told_without_quoting_it(write, url, fault):
    [problem] = problems(write(f'[cameras.door]\nurl = "{url}"\n')).values()
    assert fault in problem.fault
    assert "ter2" not in str(problem)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (" RTSP://host/x ", "rtsp://host/x"),
        ("rtsp://u:p@host:554/a@b", "rtsp://u:p@host:554/a@b"),
        ("file:///clips/a@b.mp4", "/clips/a@b.mp4"),
        ("clip.mp4", "clip.mp4"),
    ],
)
def test_a_right_address_is_taken(write, url, address):
    assert load_settings(write(f'[cameras.door]\nurl = "{url}"\n'), {}).cameras["door"].address == address


@pytest.mark.parametrize(
    ("polygon", "key", "fault"),
    [
        ("[[0, 0], [1, 1]]", "cameras.door.privacy_masks.0", "has 2 corners"),
        ("[[0, 0], [1, 0], [1, 1.2]]", "cameras.door.privacy_masks.0.2.1", "outside of the picture"),
        ("[[0, 0], [1, 0], [nan, 1]]", "cameras.door.privacy_masks.0.2.0", "outside of the picture"),
        ("[[0, 0], [1, 0], [1]]", "cameras.door.privacy_masks.0.2.1", "field required"),
        ("[[0, 0], [0.2, 0.2], [1, 1]]", "cameras.door.privacy_masks.0", "one line"),
        ("[[0.3, 0], [0.3, 0], [0.3, 0]]", "cameras.door.privacy_masks.0", "one line"),
    ],
)
def test_a_wrong_polygon_is_told_with_its_corner(write, polygon, key, fault):
    [(told, problem)] = problems(write(f'[cameras.door]\nurl = "a.mp4"\nprivacy_masks = [{polygon}]\n')).items()
    assert told == key
    assert fault in problem.fault


def test_what_is_sound_can_still_be_checked(write):
    text = """
        nonsense = 1
        [cameras.door]
        url = "a.mp4"
        detect_fps = 0
        [cameras.yard]
        [cameras.BAD]
        url = "b.mp4"
    """
    reading = read_settings(write(text), {})
    faulty = {problem.key for problem in reading.problems}
    assert faulty == {"nonsense", "cameras.door.detect_fps", "cameras.yard.url", "cameras.BAD"}
    assert reading.settings is not None
    assert set(reading.settings.cameras) == {"door"}


def test_an_unreadable_credential_is_a_problem(write, tmp_path):
    (tmp_path / "DOOR").write_bytes(b"\xff\xfe")
    path = write('[cameras.door]\nurl = "rtsp://u:${DOOR}@host/x"\n')
    assert "cannot be read" in problems(path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})["cameras.door.url"].fault


def test_who_needs_no_secrets_needs_no_credentials(write):
    path = write('[cameras.door]\nurl = "rtsp://host/x"\nusername = "u"\npassword = "${NOT_SET}"\n')
    assert load_settings(path, {}, secrets=False).cameras["door"].username == "u"


def test_commands_know_the_address_of_the_store_and_no_other_secret(write):
    path = write(
        'database_url = "postgresql+psycopg://deconvid:${STORE}@db/deconvid"\n'
        '[cameras.door]\nurl = "rtsp://host/"\nusername = "u"\npassword = "${DOOR}"\n'
    )
    settings = load_settings(path, {"STORE": "right", "DOOR": "hunter2"}, secrets=False)
    assert settings.store_url == "postgresql+psycopg://deconvid:right@db/deconvid"
    assert "hunter2" not in str(settings.cameras["door"].password.get_secret_value())
    assert "${STORE}" in load_settings(path, {}, secrets=False).store_url


def test_database_that_is_not_postgresql_is_refused(write):
    assert "database_url" in problems(write('database_url = "mysql://u:hunter2@db/x"\n'))
