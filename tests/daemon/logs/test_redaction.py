import json
import logging
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import CameraSettings, Settings
from daemon.logs.formats import ConsoleFormatter
from daemon.logs.redaction import Redactor, secrets_of_address
from daemon.logs.settings_secrets import secrets_of_settings

ADDRESS = "rtsp://viewer:s3cret%2Fw%40rd@10.0.0.7:554/stream?channel=1&key=abcdef"
redact = Redactor(secrets_of_address(ADDRESS))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot open rtsp://u:p@host/path", "cannot open rtsp://host/path"),
        ("'rtsp://u:p@ss@host/path' failed", "'rtsp://host/path' failed"),
        ("rtsp://u@host and rtsps://a:b@host2", "rtsp://host and rtsps://host2"),
        ("no address in here", "no address in here"),
    ],
)
def test_credentials_of_any_url_are_removed(text, shown):
    assert Redactor()(text) == shown


@pytest.mark.parametrize("form", ["s3cret/w@rd", "s3cret%2Fw%40rd", "s3cret/w%40rd", "key=abcdef"])
def test_what_the_address_hides_is_hidden_everywhere(form):
    assert form not in redact(f"login with {form} failed")


@given(st.text(min_size=4).filter(lambda password: password not in "*** login failed for rtsp://host/x:"))
def test_no_password_survives(password):
    address = f"rtsp://viewer:{quote(password, safe='')}@host/x"
    hide = Redactor(secrets_of_address(address))
    for text in (address, password, quote(password), f"login failed for {address}: {password}"):
        assert password not in hide(text)


def test_a_path_is_no_secret():
    assert list(secrets_of_address("/clips/door.mp4")) == []
    assert list(secrets_of_settings(Settings(cameras={"door": CameraSettings(url="/clips/door.mp4")}))) == []


def test_every_secret_of_the_settings_is_found():
    camera = CameraSettings(url="rtsp://viewer:in-url@host/x?key=in-query", username="viewer", password="in-key")
    assert {"in-url", "in-query", "in-key"} <= {
        secret.removeprefix("key=") for secret in secrets_of_settings(Settings(cameras={"door": camera}))
    }


def test_a_secret_too_short_to_hide_leaves_the_text_readable():
    assert Redactor(["a", ""])("a camera") == "a camera"


def test_an_error_that_quotes_a_secret_is_redacted():
    secret = 'it\'s \\ \n"quoted"'
    hide = Redactor([secret])
    assert "quoted" not in hide(repr(secret)) + hide(json.dumps(secret)) + hide(secret)


def test_a_traceback_in_the_log_is_redacted():
    formatter = ConsoleFormatter("camera-door", redact)
    try:
        raise ValueError(ADDRESS)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "crash", None, sys.exc_info())
    text = formatter.format(record)
    assert "ValueError: rtsp://10.0.0.7:554/stream" in text
    assert "s3cret" not in text
    assert "abcdef" not in text


def test_the_password_of_the_store_is_hidden_and_not_its_name():
    settings = Settings(database_url="postgresql+psycopg://deconvid:hunter2@/deconvid?host=/run/postgresql")
    hide = Redactor(secrets_of_settings(settings))
    assert hide("/var/lib/deconvid hunter2 /run/postgresql") == "/var/lib/deconvid *** /run/postgresql"
