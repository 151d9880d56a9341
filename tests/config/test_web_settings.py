import pytest
from pydantic import ValidationError

from config import WebSettings


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:9780", ("127.0.0.1", 9780)),
        ("[::1]:1", ("::1", 1)),
        ("127.8.0.1:65535", ("127.8.0.1", 65535)),
        ("", None),
    ],
)
def test_a_loopback_address_is_taken(listen, address):
    assert WebSettings(listen=listen).address == address


@pytest.mark.parametrize(
    "listen",
    [
        *("127.0.0.1", ":9780", "9780", "localhost:9780", "::1:9780", "[127.0.0.1]:9780", "[::1]", "127.0.0.1:0"),
        *("127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:٣", "127.0.0.1:9780/x", "http://127.0.0.1:9780", "256.0.0.1:1"),
        *(" ", "127.0.0.1: 9780", "127.0.0.1:1\n", "[[::1]]:1", "[::1:9780", "\0:1"),
    ],
)
def test_what_cannot_be_listened_on_is_refused(listen):
    with pytest.raises(ValidationError, match=r"is not ADDRESS:PORT|has a port"):
        WebSettings(listen=listen)


@pytest.mark.parametrize("listen", ["0.0.0.0:9780", "[::]:9780", "192.0.2.1:9780"])
def test_others_may_only_read_it_if_that_is_said_in_so_many_words(listen):
    with pytest.raises(ValidationError, match="allow_unencrypted_beyond_loopback = true"):
        WebSettings(listen=listen)
    assert WebSettings(listen=listen, allow_unencrypted_beyond_loopback=True).address
