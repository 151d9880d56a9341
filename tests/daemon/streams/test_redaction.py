import logging
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.streams.redaction import redact
from daemon.workers.logs import RedactingFormatter

ADDRESS = "rtsp://viewer:s3cret%2Fw%40rd@10.0.0.7:554/stream?channel=1&key=abcdef"


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
    assert redact(text) == shown


@pytest.mark.parametrize("form", ["s3cret/w@rd", "s3cret%2Fw%40rd", "s3cret/w%40rd", "key=abcdef"])
def test_what_the_address_hides_is_hidden_everywhere(form):
    assert form not in redact(f"login with {form} failed", ADDRESS)


@given(st.text(min_size=4).filter(lambda password: password not in "*** login failed for rtsp://host/x:"))
def test_no_password_survives(password):
    address = f"rtsp://viewer:{quote(password, safe='')}@host/x"
    for text in (address, password, quote(password), f"login failed for {address}: {password}"):
        assert password not in redact(text, address)


def test_a_traceback_in_the_log_is_redacted():
    formatter = RedactingFormatter("%(message)s", ADDRESS)
    try:
        raise ValueError(ADDRESS)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "crash", None, sys.exc_info())
    text = formatter.format(record)
    assert "ValueError: rtsp://10.0.0.7:554/stream" in text
    assert "s3cret" not in text
    assert "abcdef" not in text
