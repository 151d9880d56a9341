import socket

import pytest

from daemon.notify import notify


def test_nothing_happens_without_a_service_manager(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


def test_a_service_manager_that_is_gone_does_no_harm(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_the_state_reaches_the_service_manager(kind, monkeypatch, tmp_path):
    name = str(tmp_path / "notify") if kind == "file" else "@deconvid-test-notify"
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        notify("READY=1")
        assert manager.recv(64) == b"READY=1"
