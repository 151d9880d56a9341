import errno

import av.error
import pytest

from daemon.streams.faults import classify

SECRET = "rtsp://u:secret@host"


def error_of(kind: type[av.error.FFmpegError]) -> av.error.FFmpegError:
    return kind(1, SECRET, SECRET)


@pytest.mark.parametrize(
    ("kind", "error", "phase", "waited_s", "state"),
    [
        ("rtsp", av.error.HTTPUnauthorizedError, "opening", 0.1, "auth_failed"),
        ("rtsp", av.error.HTTPForbiddenError, "opening", 0.1, "auth_failed"),
        ("rtsp", av.error.HTTPNotFoundError, "opening", 0.1, "not_found"),
        ("file", av.error.FileNotFoundError, "opening", 0.1, "not_found"),
        ("file", av.error.PermissionError, "opening", 0.1, "not_found"),
        ("file", av.error.InvalidDataError, "opening", 0.1, "unsupported"),
        ("rtsp", av.error.DecoderNotFoundError, "opening", 0.1, "unsupported"),
        ("rtsp", av.error.ConnectionRefusedError, "opening", 0.1, "backoff"),
        ("rtsp", av.error.InvalidDataError, "opening", 3.0, "backoff"),
        ("rtsp", av.error.TimeoutError, "opening", 3.0, "backoff"),
        ("rtsp", av.error.ExitError, "reading", 6.0, "stalled"),
        ("rtsp", av.error.TimeoutError, "reading", 6.0, "stalled"),
        ("rtsp", av.error.InvalidDataError, "reading", 0.1, "backoff"),
        ("device", av.error.OSError, "reading", 0.1, "backoff"),
    ],
)
def test_every_error_has_its_state_and_a_cause_without_the_address(kind, error, phase, waited_s, state):
    fault = classify(error_of(error), phase, kind=kind, waited_s=waited_s, timeout_s=3.0)
    assert fault.state == state
    assert str(fault)
    assert "secret" not in str(fault)


@pytest.mark.parametrize(("transport", "other"), [("tcp", "udp"), ("udp", "tcp")])
def test_a_transport_that_the_camera_refuses_is_told_with_the_other_one(transport, other):
    error = av.error.OSError(errno.EPROTONOSUPPORT, SECRET, SECRET)
    fault = classify(error, "opening", kind="rtsp", transport=transport, waited_s=0.1, timeout_s=3.0)
    assert fault.state == "unsupported"
    assert str(fault) == f"the camera does not offer transport = {transport}. Set it to {other}"


def test_a_silent_camera_and_a_garbled_one_are_told_apart():
    error = error_of(av.error.InvalidDataError)
    silent = classify(error, "opening", kind="rtsp", waited_s=3.0, timeout_s=3.0)
    garbled = classify(error, "opening", kind="rtsp", waited_s=0.1, timeout_s=3.0)
    assert str(silent) == "no answer within 3 s"
    assert str(garbled) != str(silent)


def test_an_encrypted_camera_that_is_not_trusted_is_told_with_the_setting():
    error = av.error.OSError(5, SECRET, SECRET)
    fault = classify(error, "opening", kind="rtsp", tls=True, waited_s=0.1, timeout_s=3.0)
    assert (fault.state, fault.away) == ("backoff", False)
    assert "tls_authority" in str(fault)
    assert "secret" not in str(fault)
