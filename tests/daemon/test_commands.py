"""What the supervisor answers, with stand-ins for everything that it would have to touch."""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest

from config import CameraSettings, Settings
from daemon.commands import Commands
from daemon.crew import Crew
from daemon.operations.control import Answer, Request
from daemon.operations.observer import Observer
from daemon.operations.outgoing import Outgoing
from daemon.operations.reports import Reports
from daemon.service import Service

SETTINGS = Settings(cameras={"door": CameraSettings(url="rtsp://192.0.2.1/x")})


@pytest.fixture
def make() -> Callable[..., SimpleNamespace]:
    def make(state: str = "streaming", is_ready: bool = True) -> SimpleNamespace:
        crew = create_autospec(Crew, instance=True, is_ready=is_ready, paused=set())
        crew.resume.return_value = False
        observer, service = create_autospec(Observer, instance=True), create_autospec(Service, instance=True)
        observer.state_of.return_value = state
        house = SimpleNamespace(settings=SETTINGS)
        outgoing, reports = (create_autospec(each, instance=True) for each in (Outgoing, Reports))
        commands = Commands(house, crew, outgoing, reports, observer, service, lambda: SETTINGS)  # type: ignore[arg-type]
        return SimpleNamespace(commands=commands, crew=crew, service=service, outgoing=outgoing)

    return make


@pytest.mark.parametrize("state", ["not_found", "auth_failed", "unsupported", "backoff"])
def test_a_camera_that_waits_for_its_next_attempt_is_tried_at_once_when_it_is_resumed(make, state) -> None:
    told = make(state)
    assert told.commands.handle(Request("resume", "door")).message == "door was not paused; it is tried again at once"
    told.crew.try_at_once.assert_called_once_with("door")


@pytest.mark.parametrize("state", ["streaming", "connecting", "starting", ""])
def test_a_camera_that_is_read_is_not_disturbed_by_being_resumed(make, state) -> None:
    told = make(state)
    assert told.commands.handle(Request("resume", "door")).message == "door was not paused"
    told.crew.try_at_once.assert_not_called()


def test_nobody_waits_for_a_store_in_which_a_stranger_is_named(make, monkeypatch) -> None:
    may_answer = threading.Event()

    def name_stranger(settings: Settings, request: Request) -> Answer:
        assert may_answer.wait(20)
        return Answer(True, "unknown-1 is person 1 now")

    monkeypatch.setattr("daemon.commands.name_stranger", name_stranger)
    told = make()
    later = told.commands.handle(Request("name_stranger", stranger="unknown-1", name="Ann"))
    assert later() is None
    told.outgoing.notice.assert_not_called()
    may_answer.set()
    while not (answer := later()):
        time.sleep(0.01)
    assert answer.message == "unknown-1 is person 1 now"
    told.outgoing.notice.assert_called_once_with("daemon.control", "name_stranger unknown-1", answer.message, "local")


@pytest.mark.parametrize("is_ready", [True, False])
def test_the_service_manager_hears_of_a_reload_only_when_the_start_is_over(make, is_ready) -> None:
    told = make(is_ready=is_ready)
    assert told.commands.handle(Request("reload")).message == "nothing differs"
    assert [call[0] for call in told.service.method_calls] == (["reloading", "ready"] if is_ready else [])
