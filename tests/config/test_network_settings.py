import pytest
from pydantic import ValidationError

from config import NetworkSettings


def test_requests_are_answered_at_the_next_port():
    network = NetworkSettings(address="192.0.2.1", port=5000)
    assert (network.events_endpoint, network.requests_endpoint) == ("tcp://192.0.2.1:5000", "tcp://192.0.2.1:5001")
    assert NetworkSettings(address="::1", port=1, requests_port=9).requests_endpoint == "tcp://[::1]:9"


def test_tcp_is_encrypted_unless_the_configuration_says_otherwise():
    assert NetworkSettings(address="0.0.0.0").encryption == "curve"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"])
def test_plain_tcp_beyond_loopback_is_refused_unless_said_in_so_many_words(address):
    with pytest.raises(ValidationError, match="allow_unencrypted_beyond_loopback = true"):
        NetworkSettings(address=address, encryption="none")
    assert NetworkSettings(address=address, encryption="none", allow_unencrypted_beyond_loopback=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_plain_tcp_on_loopback_is_allowed(address):
    assert NetworkSettings(address=address, encryption="none")


@pytest.mark.parametrize(
    "values",
    [
        {"address": "*"},
        {"address": "eth0"},
        {"address": "localhost"},
        {"address": "127.0.0.1", "port": 0},
        {"address": "127.0.0.1", "port": 65535},
        {"address": "127.0.0.1", "port": 5000, "requests_port": 5000},
        {"address": "127.0.0.1", "encryption": "None"},
        {},
    ],
)
def test_what_cannot_be_bound_is_refused(values):
    with pytest.raises(ValidationError):
        NetworkSettings(**values)
