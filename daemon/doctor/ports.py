"""Whether the daemon can listen where it is to."""

import os
import socket
import time
from collections.abc import Iterator

from config import Settings
from daemon.doctor.finding import Finding
from daemon.operations.health import LONGEST_SILENCE_S
from daemon.operations.status import NoStatusError, read_status


def examine_ports(settings: Settings) -> Iterator[Finding]:
    running = _daemon_runs(settings)
    for key, host, port in _addresses(settings):
        yield _port(key, host, port, running)


def _addresses(settings: Settings) -> Iterator[tuple[str, str, int]]:
    if address := settings.web.address:
        yield "web.listen", address.host, address.port
    if network := settings.events.network:
        yield "events.network.port", str(network.address), network.port
        yield "events.network.requests_port", str(network.address), network.requests_port or network.port + 1


def _port(key: str, host: str, port: int, running: bool) -> Finding:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        if running:
            return Finding("ports", key, "ok", f"{host} port {port} is taken, and the daemon runs")
        cause = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        return Finding(
            "ports", key, "fail", f"{host} port {port}: {cause}", f"Stop what listens there, or change {key}"
        )
    return Finding("ports", key, "ok", f"{host} port {port} is free")


def _daemon_runs(settings: Settings) -> bool:
    try:
        status = read_status(settings.runtime_folder)
    except NoStatusError:
        return False
    except PermissionError:
        return settings.runtime is not None  # a service's own folder is there as long as the service
    return time.time_ns() - status.written_wall_ns < LONGEST_SILENCE_S * 1e9
