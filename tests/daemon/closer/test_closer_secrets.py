from config import CameraSettings
from daemon.logs.redaction import Redactor
from daemon.logs.settings_secrets import secrets_of_settings


def test_the_password_of_the_main_stream_is_kept_out_of_every_text():
    camera = CameraSettings(url="rtsp://host/2", main_url="rtsp://u:hunter2hunter2@host/1")
    assert "hunter2" not in Redactor(secrets_of_settings(camera))("it said hunter2hunter2")
    assert "hunter2" not in repr(camera) + camera.model_dump_json()
