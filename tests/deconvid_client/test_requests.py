from pathlib import Path

import pytest

from deconvid_client import BusError, Cursor, NoAnswerError, RefusedError, Requests
from deconvid_client.sockets import beside
from tests.deconvid_client.bus_double import BusDouble


def connect(bus: BusDouble, timeout_s: float = 5) -> Requests:
    return Requests(beside(bus.endpoint), timeout_s=timeout_s)


def test_replay_is_read_page_by_page(bus: BusDouble) -> None:
    bus.publish(*["face.left"] * 5)
    with connect(bus) as requests:
        first = requests.replay(limit=3)
        second = requests.replay(Cursor(first.epoch, first.through), limit=3)
    assert [event.sequence for event in (*first.events, *second.events)] == [1, 2, 3, 4, 5]
    assert (first.more, second.more) == (True, False)


def test_replay_hands_its_filter_over(bus: BusDouble) -> None:
    with connect(bus) as requests:
        requests.replay((None, 7), kinds=["face."], cameras=["door"])
    wanted = {"epoch": None, "after": 7, "kinds": ["face."], "cameras": ["door"]}
    assert bus.asked[-1] | wanted == bus.asked[-1]


def test_last_tells_how_things_stand(bus: BusDouble) -> None:
    bus.publish("face.left", "face.unknown", "camera.state")
    with connect(bus) as requests:
        assert [event.kind for event in requests.last()] == ["face.unknown", "camera.state"]


def test_control_tells_what_the_daemon_says(bus: BusDouble) -> None:
    with connect(bus) as requests:
        assert requests.control("pause", camera="door") == "pause door"
        with pytest.raises(RefusedError, match=r"no command 'explode'\. Take pause or resume"):
            requests.control("explode")


def test_what_may_be_asked_twice_is_asked_again(bus: BusDouble) -> None:
    bus.mute = 2
    with connect(bus, timeout_s=0.2) as requests:
        assert requests.last() == []


def test_control_is_said_once(bus: BusDouble) -> None:
    bus.mute = 1
    with connect(bus, timeout_s=0.2) as requests, pytest.raises(NoAnswerError):
        requests.control("reload")
    assert len(bus.asked) == 1


def test_silence_is_told_with_a_fix(tmp_path: Path) -> None:
    with (
        Requests(f"ipc://{tmp_path}/requests", timeout_s=0.05) as requests,
        pytest.raises(NoAnswerError, match="Is `deconvid run` running"),
    ):
        requests.last()


def test_impossible_address_is_told() -> None:
    with pytest.raises(BusError, match="Write ipc://PATH"):
        Requests("nowhere")
