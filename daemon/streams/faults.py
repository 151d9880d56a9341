"""What libav says when a camera or file fails, as the state of the camera and a cause that a person understands."""

import errno
import os
import re
from typing import Literal

import av.error

from daemon.errors import StreamError
from daemon.messages import CameraState

Phase = Literal["opening", "reading"]
Kind = Literal["rtsp", "file", "device"]
Transport = Literal["tcp", "udp"]

REFUSED = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)
MISSING = (av.error.HTTPNotFoundError, av.error.FileNotFoundError, av.error.IsADirectoryError)
UNKNOWN = (
    av.error.DecoderNotFoundError,
    av.error.DemuxerNotFoundError,
    av.error.PatchWelcomeError,
    av.error.ProtocolNotFoundError,
    av.error.NotImplementedError,
)
FAILING = (av.error.HTTPBadRequestError, av.error.HTTPOtherClientError, av.error.HTTPServerError)
NOT_FOUND: dict[Kind, str] = {
    "rtsp": "the camera has no such stream. Correct the path in url",
    "file": "there is no such file. Correct url",
    "device": "there is no such device. Correct url, or plug it in",
}
REFUSED_CAUSE = "connection refused: nothing listens at this host and port"
UNDECODABLE_CAUSE = "the format cannot be decoded. Use H.264 or H.265"
UNKNOWN_HOST_CAUSE = "the host is unknown or cannot be reached. Correct url, or check the network"
NO_TLS_CAUSE = (
    "no TLS connection: the host is unknown, speaks no TLS, or shows a certificate that names another host or is not "
    "signed as tls_authority wants it. Correct url or tls_authority"
)
OTHER_TRANSPORT: dict[Transport, Transport] = {"tcp": "udp", "udp": "tcp"}
LATE = (av.error.TimeoutError, av.error.ExitError)


class SourceError(StreamError):
    """A camera or file that cannot be opened or read, with the state that it is in now; holds no secret."""

    def __init__(self, state: CameraState, cause: str, *, away: bool = False) -> None:
        """Takes the state, its cause in words, and whether nobody is there: then asking again bothers nobody."""
        super().__init__(cause)
        self.state: CameraState = state
        self.away = away


def classify(
    error: Exception,
    phase: Phase,
    *,
    kind: Kind,
    waited_s: float,
    timeout_s: float,
    tls: bool = False,
    transport: Transport = "tcp",
) -> SourceError:
    """Returns the fault behind an error of libav.

    Never uses the error's text, which may be the whole address with the password in it.

    Args:
        error: what PyAV raised.
        phase: what was tried.
        kind: what was opened.
        waited_s: how long the failed call took.
        timeout_s: how long it was allowed to take.
        tls: whether the connection is encrypted.
        transport: how the pictures were to travel.
    """
    if isinstance(error, REFUSED):
        return SourceError("auth_failed", "the camera refuses the login. Correct username and password")
    if isinstance(error, MISSING):
        return SourceError("not_found", NOT_FOUND[kind])
    if isinstance(error, av.error.PermissionError):
        return SourceError("not_found", "permission denied. Let the daemon's user read it")
    if isinstance(error, UNKNOWN):
        return SourceError("unsupported", UNDECODABLE_CAUSE)
    if isinstance(error, FAILING):
        return SourceError("backoff", "the camera answers that it cannot: it may be starting, or have too many viewers")
    if kind == "rtsp" and isinstance(error, OSError) and error.errno == errno.EPROTONOSUPPORT:
        other = OTHER_TRANSPORT[transport]
        return SourceError("unsupported", f"the camera does not offer transport = {transport}. Set it to {other}")
    if kind == "file" and isinstance(error, av.error.InvalidDataError):
        return SourceError("unsupported", "is not a video, or it is damaged. Check the file with ffprobe")
    # libav reports a silent camera as invalid data while it opens, and as an exit on request while it reads.
    if isinstance(error, LATE) or (isinstance(error, av.error.InvalidDataError) and waited_s >= timeout_s):
        if phase == "reading":
            return SourceError("stalled", f"no picture for {waited_s:.0f} s")
        return SourceError("backoff", f"no answer within {timeout_s:g} s", away=True)
    if isinstance(error, av.error.ConnectionRefusedError):
        return SourceError("backoff", REFUSED_CAUSE, away=True)
    if kind == "rtsp" and phase == "opening" and isinstance(error, av.error.InvalidDataError):
        return SourceError("backoff", "the answer makes no sense. Check url: something else may listen there")
    if kind == "rtsp" and phase == "opening" and isinstance(error, OSError) and error.errno == errno.EIO:
        return SourceError("backoff", NO_TLS_CAUSE if tls else UNKNOWN_HOST_CAUSE)
    return SourceError("backoff", reason(error))


def reason(error: Exception) -> str:
    """Returns the kind of an error of libav in words, without its text."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    words: list[str] = re.findall("[A-Z][a-z]+", type(error).__name__.removesuffix("Error"))
    return " ".join(words).lower() or "unknown error"
