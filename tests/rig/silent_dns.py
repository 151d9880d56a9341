"""A DNS server that takes every question and answers none, for one process only."""

import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ADDRESS = "127.0.0.153"


@contextmanager
def silent_dns(folder: Path) -> Iterator[list[str]]:
    """Yields the command under which a process asks that server; skips where that needs rights that are not given."""
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {ADDRESS}\n")
    mount = f'mount --bind {shlex.quote(str(resolver))} /etc/resolv.conf && exec "$@"'
    under = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind((ADDRESS, 53))
            subprocess.run([*under, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"needs port 53 and a mount namespace: {error}")
        yield under
