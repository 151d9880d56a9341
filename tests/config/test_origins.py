import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import ConfigError
from config.origins import SET, _lines, explain

TEXT = '''# a comment
state = "/var/lib/x"
models = [
    "/a",
    # name = "trap"
    "/b",
]

[cameras.door]
url = "rtsp://viewer:hunter2@host/x"
username = """
viewer
password = 'no key'"""
password = "${DOOR_PASSWORD}"
"detect_fps" = 3

[cameras.yard]
url = "rtsp://u:${YARD}@host/x"

[detection]
model = "${MODEL}"
'''


@pytest.fixture
def origins(tmp_path):
    def read(text, **environment):
        path = tmp_path / "config.toml"
        path.write_text(text)
        return {setting.key: (setting.value, setting.origin) for setting in explain(path, environment)}

    return read


def test_each_value_tells_where_it_comes_from(origins, tmp_path):
    (tmp_path / "DOOR_PASSWORD").write_text("s3cret")
    found = origins(TEXT, YARD="other-secret", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert found["state"] == ("/var/lib/x", "line 2")
    assert found["models"] == (["/a", "/b"], "line 3")
    assert found["cameras.door.url"] == (SET, "line 10")
    assert found["cameras.door.username"][1] == "line 11"
    assert found["cameras.door.password"] == (SET, "line 14, credential DOOR_PASSWORD")
    assert found["cameras.door.detect_fps"] == (3.0, "line 15")
    assert found["cameras.yard.url"] == (SET, "line 18, environment YARD")
    assert found["cameras.yard.password"] == (None, "default")
    assert found["detection.model"] == (SET, "line 21, MODEL (not at hand here)")
    assert found["web.listen"] == ("127.0.0.1:9780", "default")


def test_no_secret_is_shown(origins, tmp_path):
    (tmp_path / "DOOR_PASSWORD").write_text("s3cret")
    shown = str(origins(TEXT, YARD="other-secret", MODEL="third", CREDENTIALS_DIRECTORY=str(tmp_path)))
    assert not any(secret in shown for secret in ("hunter2", "s3cret", "other-secret", "third"))


def test_an_empty_file_is_all_defaults(origins):
    assert {origin for _, origin in origins("").values()} == {"default"}


def test_a_faulty_file_is_told_as_everywhere(origins):
    with pytest.raises(ConfigError):
        origins("nonsense = 1")


@given(
    st.lists(st.sampled_from(["", "# x = 1", "[b]", "k{} = 1", 'k{} = """', 'x = 2\n"""', "k{} = [", "]"]), max_size=12)
)
def test_a_key_is_on_the_line_that_names_it(parts):
    lines = "\n".join(part.format(number) for number, part in enumerate(parts)).splitlines()
    for key, number in _lines("\n".join(lines)).items():
        assert lines[number - 1].startswith((key.rpartition(".")[2], "[", "#")) or not lines[number - 1]
