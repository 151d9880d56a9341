"""The two sockets of a client: SUB for the live events, DEALER for requests."""

from dataclasses import dataclass
from pathlib import Path

import zmq

from deconvid_client.errors import BusError
from deconvid_client.keys import KeyFile
from deconvid_client.wire import LARGEST_FRAME

LIVE_QUEUE = 10_000
"""Events that wait for a slow program; the ones that find no room are replayed later."""

HEARTBEAT_MS = 5000
"""A connection that is silent for three of these is made anew."""

SLOWEST_RECONNECT_MS = 2000


@dataclass(frozen=True, slots=True)
class Address:
    """Where a daemon is, and how to prove that one may listen."""

    events: str
    """`ipc://PATH` or `tcp://HOST:PORT`."""
    requests: str
    key: KeyFile | None = None

    @classmethod
    def of(cls, events: str | None, requests: str | None, key: str | Path | KeyFile | None) -> "Address":
        """Raises BusError: it says not enough, or what cannot be."""
        key = key if isinstance(key, KeyFile | None) else KeyFile.load(key)
        if events is None and key is not None:
            return cls(key.events, requests or key.requests, key)
        if events is None:
            raise BusError("no daemon is named. Say where it publishes, or give a key file: it names the daemon")
        return cls(events, requests or beside(events), key)


def beside(events: str) -> str:
    """Returns where requests are answered unless the daemon's configuration says otherwise.

    >>> beside("ipc:///run/deconvid/events"), beside("tcp://10.0.0.2:9781")
    ('ipc:///run/deconvid/requests', 'tcp://10.0.0.2:9782')

    Raises:
        BusError: it is not plain where.
    """
    if events.startswith("ipc://") and events.endswith("/events"):
        return events.removesuffix("events") + "requests"
    host, _, port = events.rpartition(":")
    if host.startswith("tcp://") and port.isdecimal():
        return f"{host}:{int(port) + 1}"
    raise BusError(f"{events}: it is not plain where requests are answered. Say requests='ipc://...' or 'tcp://...'")


def connect_live(address: Address) -> "zmq.Socket[bytes]":
    """Raises BusError: the endpoint is malformed, or a key is none."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
    socket.set(zmq.RCVHWM, LIVE_QUEUE)
    socket.subscribe(b"")
    return _connect(socket, address.events, address)


def connect_requests(address: Address) -> "zmq.Socket[bytes]":
    """Raises BusError: the endpoint is malformed, or a key is none."""
    return _connect(zmq.Context.instance().socket(zmq.DEALER), address.requests, address)


def _connect(socket: "zmq.Socket[bytes]", endpoint: str, address: Address) -> "zmq.Socket[bytes]":
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.MAXMSGSIZE, LARGEST_FRAME)
    socket.set(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.set(zmq.HEARTBEAT_TIMEOUT, 2 * HEARTBEAT_MS)
    socket.set(zmq.RECONNECT_IVL_MAX, SLOWEST_RECONNECT_MS)
    try:
        if address.key is not None:
            address.key.secure(socket)
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        socket.close()
        raise BusError(f"{endpoint}: {error.strerror}. Write ipc://PATH or tcp://HOST:PORT") from error
    except BusError:
        socket.close()
        raise
    return socket
