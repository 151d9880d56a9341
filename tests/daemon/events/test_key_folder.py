import threading
from pathlib import Path

import pytest

from daemon.events.errors import KeysError
from daemon.events.keys import KeyFolder, KeyPair


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys")


def names(folder: KeyFolder) -> list[str]:
    return [client.name for client in folder.clients()[0]]


def test_the_server_key_is_made_once(folder, tmp_path):
    key = folder.server()
    assert KeyFolder(tmp_path / "keys").server() == key
    assert (tmp_path / "keys" / "server.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_many_who_ask_at_once_get_one_server_key(tmp_path):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(KeyFolder(tmp_path / "keys").server().public_key))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_rotated_server_key_is_another_one(folder):
    assert folder.server() != folder.rotate_server() == folder.server()


def test_clients_are_added_and_revoked(folder):
    pair = KeyPair.generate()
    assert folder.add("tv", pair.public_key, "operator") == folder.clients()[0][0]
    folder.add("door-2", KeyPair.generate().public_key, "subscriber")
    assert names(folder) == ["door-2", "tv"]
    folder.revoke("tv")
    assert names(folder) == ["door-2"]
    with pytest.raises(KeysError, match="no key 'tv'"):
        folder.revoke("tv")


def test_a_name_is_taken_once(folder):
    folder.add("tv", KeyPair.generate().public_key, "subscriber")
    with pytest.raises(KeysError, match="already"):
        folder.add("tv", KeyPair.generate().public_key, "operator")
    assert folder.clients()[0][0].role == "subscriber"


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "A", "é", "a" * 33, "-a", ".a", "a\0", "a\n", "local:0"])
def test_a_name_that_could_leave_the_folder_or_the_audit(folder, name):
    with pytest.raises(KeysError, match="cannot be a key's name"):
        folder.add(name, KeyPair.generate().public_key, "operator")
    with pytest.raises(KeysError, match="cannot be a key's name"):
        folder.revoke(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "\udcff",
        '{"name":"tv"}',
        '{"name":"other","public_key":"%s","role":"operator","created_at":""}' % ("0" * 40),
        '{"name":"tv","public_key":"%s","role":"king","created_at":""}' % ("0" * 40),
        '{"name":"tv","public_key":"%s","role":"operator","created_at":""}' % ("0" * 39),
    ],
)
def test_a_damaged_client_is_none_and_hides_no_other(folder, tmp_path, text):
    folder.add("door", KeyPair.generate().public_key, "subscriber")
    (tmp_path / "keys" / "clients" / "tv.json").write_bytes(text.encode(errors="surrogateescape"))
    clients, faults = folder.clients()
    assert [client.name for client in clients] == ["door"]
    assert len(faults) == 1
    assert "tv.json" in str(faults[0])


@pytest.mark.parametrize("secret", ["x", "0" * 40, "%" * 40])
def test_a_damaged_server_key_is_told_and_not_replaced(folder, tmp_path, secret):
    path = tmp_path / "keys" / "server.json"
    good = folder.server()
    path.write_text(path.read_text().replace(good.secret_key, secret))
    with pytest.raises(KeysError, match=r"server\.json"):
        folder.server()
    assert secret in path.read_text()


def test_no_secret_shows(folder):
    assert folder.server().secret_key not in repr(folder.server())
    pair = KeyPair.generate()
    assert pair.secret_key not in repr(pair)


def test_every_change_shows_in_the_state(folder):
    states = [folder.state()]
    for change in (
        folder.server,
        lambda: folder.add("tv", KeyPair.generate().public_key, "operator"),
        lambda: folder.revoke("tv"),
        folder.rotate_server,
        lambda: folder.add("tv", KeyPair.generate().public_key, "subscriber"),
    ):
        change()
        states.append(folder.state())
        assert states[-2] != states[-1] == folder.state()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "keys").write_text("a file")
    folder = KeyFolder(tmp_path / "keys")
    for ask in (folder.server, folder.rotate_server, folder.clients, folder.state):
        with pytest.raises(KeysError, match="keys"):
            ask()
