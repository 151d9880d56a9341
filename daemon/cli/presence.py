"""Whether a daemon is there at all, so that nobody waits for the answer of none."""

import socket
import time

from config import Settings
from daemon.cli.common import err
from deconvid_client import NoAnswerError, Requests

LOOK_S = 0.2
"""From one look for a daemon to the next."""


def is_listening(endpoint: str) -> bool:
    """Says whether a process has this `ipc://` endpoint open: a socket's file outlives a process that was killed."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(endpoint.removeprefix("ipc://"))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            pass  # whatever it is, whoever asks in earnest tells it better
        return True


def requests_of(settings: Settings) -> Requests:
    """Raises NoAnswerError: no daemon runs."""
    if not is_listening(settings.requests_endpoint):
        raise NoAnswerError(f"{settings.requests_endpoint}: there is no daemon. Is `deconvid run` running?")
    return Requests(settings.requests_endpoint)


def await_daemon(settings: Settings) -> None:
    """Returns when there is one to ask, at once or much later."""
    if not is_listening(settings.requests_endpoint):
        err.print(f"no daemon yet, waiting for {settings.requests_endpoint}", soft_wrap=True, markup=False)
    while not is_listening(settings.requests_endpoint):
        time.sleep(LOOK_S)
