import socket
import threading
from typing import Any

import pytest

from daemon.streams.faults import SourceError
from daemon.streams.names import KEPT_S, HostName

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 554))]


class Dns:
    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = 0

    def look_up(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, threading.Event):
            answer.wait()
            return FOUND
        return answer


def test_an_address_is_kept_for_a_while_then_looked_up_again():
    now, dns = [0.0], Dns(FOUND, FOUND)
    name = HostName("cam.example", 554, 1.0, dns.look_up, lambda: now[0])
    for now[0] in (0.0, KEPT_S / 2, KEPT_S):
        assert name.addresses() == [(socket.AF_INET, ("192.0.2.7", 554))]
    assert dns.asked == 1
    now[0] = KEPT_S + 1
    name.addresses()
    assert dns.asked == 2


def test_a_look_up_that_hangs_is_left_waiting_alone_and_its_answer_still_counts():
    answers = threading.Event()
    dns = Dns(answers)
    name = HostName("cam.example", 554, 0.05, dns.look_up)
    for _ in range(3):
        with pytest.raises(SourceError, match=r"not looked up within 0\.05 s"):
            name.addresses()
    assert dns.asked == 1
    answers.set()
    [hanging] = [thread for thread in threading.enumerate() if thread.name == "look-up"]
    hanging.join()
    assert name.addresses()
    assert dns.asked == 1


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_a_name_that_nobody_knows_is_asked_for_again(error):
    name = HostName("cam.example", 554, 1.0, Dns(error, FOUND).look_up)
    with pytest.raises(SourceError, match="host is unknown") as fault:
        name.addresses()
    assert not fault.value.away  # DNS servers are not to be asked twice a second
    assert name.addresses()


def test_a_real_name_is_found():
    assert ("127.0.0.1", 554) in [address for _, address in HostName("localhost", 554, 5.0).addresses()]
