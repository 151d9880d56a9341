"""Sockets that only their owner can reach."""

import errno
import os
from typing import Any

import zmq

from daemon.events.errors import EventBusError

FIXES = {
    zmq.EADDRINUSE: "Another process holds it: stop that one, or choose another endpoint",
    zmq.EINVAL: "Write ipc://PATH or tcp://ADDRESS:PORT",
    zmq.EPROTONOSUPPORT: "Write ipc://PATH or tcp://ADDRESS:PORT",
    errno.ENAMETOOLONG: "A socket's path has at most 107 bytes: choose a shorter `runtime` folder",
}


def bind_private(socket: zmq.Socket[Any], endpoint: str) -> None:
    """Binds; the file of an `ipc://` endpoint gets mode 0600, so that nobody else can connect.

    Raises:
        EventBusError: the endpoint cannot be bound; the socket is closed then.
    """
    # libzmq makes the file in this call: with the mode set afterwards there would be a moment for others.
    previous = os.umask(0o177)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close(linger=0)
        raise _bus_error(endpoint, error) from error
    finally:
        os.umask(previous)


def connect(socket: zmq.Socket[Any], endpoint: str) -> None:
    """Connects, now or when somebody binds.

    Raises:
        EventBusError: nothing can ever answer at this endpoint; the socket is closed then.
    """
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        socket.close(linger=0)
        raise _bus_error(endpoint, error) from error


def _bus_error(endpoint: str, error: zmq.ZMQError) -> EventBusError:
    fix = FIXES.get(error.errno or 0, "Check that its folder exists and may be written")
    return EventBusError(f"{endpoint}: {error.strerror}. {fix}")
