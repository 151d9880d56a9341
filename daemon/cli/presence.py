"""Whether a daemon is there at all, so that nobody waits for the answer of none."""

import socket
import time

from config import Settings
from daemon.cli.common import err
from daemon.operations.control import Answer, NoAnswerError, Request, ask
from deconvid_client import NoAnswerError as NoBusError
from deconvid_client import Requests

LOOK_S = 0.2
"""From one look for a daemon to the next."""


def is_listening(endpoint: str) -> bool:
    """Says whether a process has this `ipc://` endpoint open: a socket's file outlives a process that was killed.

    Raises:
        PermissionError: that is not for this user to know.
    """
    path = endpoint.removeprefix("ipc://")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except PermissionError as error:
            raise PermissionError(error.errno, error.strerror, path) from error  # a socket's error names no file
        except OSError:
            pass  # whatever it is, whoever asks in earnest tells it better
        return True


def requests_of(settings: Settings) -> Requests:
    """Raises NoBusError: no daemon runs."""
    if not is_listening(settings.requests_endpoint):
        raise NoBusError(f"{settings.requests_endpoint}: there is no daemon. Is `deconvid run` running?")
    return Requests(settings.requests_endpoint)


def ask_daemon(settings: Settings, request: Request, timeout_s: float) -> Answer:
    """Asks the supervisor. Raises NoAnswerError: no daemon runs, or it does not answer in time."""
    if not is_listening(settings.control_endpoint):
        raise NoAnswerError(f"{settings.control_endpoint}: there is no daemon. Is `deconvid run` running?")
    return ask(settings.control_endpoint, request, timeout_s)


def await_daemon(settings: Settings) -> None:
    """Returns when there is one to ask, at once or much later."""
    if not is_listening(settings.requests_endpoint):
        err.print(f"no daemon yet, waiting for {settings.requests_endpoint}", soft_wrap=True, markup=False)
    while not is_listening(settings.requests_endpoint):
        time.sleep(LOOK_S)
