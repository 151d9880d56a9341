"""Tells systemd how the service is: one datagram each, silent where no service manager listens (sd_notify(3))."""

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Sends a state such as `READY=1`, `STOPPING=1` or `WATCHDOG=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
    # A service manager that does not listen is no reason to stop: the protocol is best effort.
    with socket.socket(socket.AF_UNIX, kind) as channel, suppress(OSError):
        channel.connect(address)
        channel.sendall(state.encode())
