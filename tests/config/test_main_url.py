"""The second address of a camera."""

import pytest

from config import CameraSettings, ConfigError, load_settings


def test_it_takes_the_login_of_the_first():
    camera = CameraSettings(url="rtsp://host/2", main_url=" RTSP://host/1 ", username="a@b", password="p/w")
    assert camera.main_address == "rtsp://a%40b:p%2Fw@host/1"
    assert CameraSettings(url="rtsp://host/2").main_address == ""


def test_a_certificate_without_tls_is_refused(tmp_path):
    assert CameraSettings(url="rtsps://host/2", main_url="rtsps://host/1", tls_authority="ca.pem").tls_authority
    for main_url in ("", 'main_url = "rtsp://host/1"'):
        url = "rtsps" if main_url else "rtsp"
        config = tmp_path / "config.toml"
        config.write_text(f'[cameras.door]\nurl = "{url}://host/2"\n{main_url}\ntls_authority = "ca.pem"\n')
        with pytest.raises(ConfigError) as refused:
            load_settings(config, {})
        [problem] = refused.value.problems
        assert problem.key == "cameras.door.tls_authority"
        assert "rtsps://" in problem.fault


@pytest.mark.parametrize(
    ("url", "main_url", "fault"),
    [
        ("rtsp://host/2", "clip.mp4", "both addresses"),
        ("clip.mp4", "rtsp://u:hunter2@host/1", "both addresses"),
        ("rtsp://u:hunter2@host/1", "rtsp://u:hunter2@host/1", "same stream"),
        ("rtsp://host/2", "http://u:hunter2@host/1", "scheme"),
        ("rtsp://host/2", "rtsp://u:hun#ter2@host/1", "keys username and password"),
    ],
)
def test_what_is_wrong_with_it_is_told_without_quoting_it(tmp_path, url, main_url, fault):
    config = tmp_path / "config.toml"
    config.write_text(f'[cameras.door]\nurl = "{url}"\nmain_url = "{main_url}"\n')
    with pytest.raises(ConfigError) as refused:
        load_settings(config, {})
    [problem] = refused.value.problems
    assert problem.key == "cameras.door.main_url"
    assert fault in problem.fault
    assert "ter2" not in str(problem)
