"""Against a real broker."""

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from rig.broker import PATIENCE_S, Broker
from rig.certificates import Certificate

from config import MqttSettings
from daemon.bridges.mqtt import Mqtt
from daemon.bridges.presence import Presence
from daemon.bridges.transport import Parcel, UnreachableError
from tests.daemon.rules.sightings import ADA, seen

Start = Callable[..., Broker]
Certify = Callable[..., Certificate]

EPOCH, OTHER_EPOCH = "0123456789ab" * 2, "ba9876543210" * 2


def parcel(n: int, camera: str | None = "door", kind: str = "face.identified") -> Parcel:
    return Parcel(f"e-{n}", n, kind, camera, json.dumps({"id": f"e-{n}"}).encode())


def bridge(broker: Broker, presence: Presence | None = None, epoch: str = EPOCH, **settings: object) -> Mqtt:
    basics = {"kind": "mqtt", "host": "127.0.0.1", "port": broker.port, "timeout_s": 2}
    return Mqtt(MqttSettings.model_validate({**basics, **settings}), "ha", epoch, presence)


class Listener:
    """Subscribes to everything and remembers it."""

    def __init__(self, broker: Broker, authority: Path | None = None) -> None:
        self.heard: list[tuple[str, str, bool]] = []
        self._ready = False
        self._client = Client(CallbackAPIVersion.VERSION2, clean_session=True)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: setattr(self, "_ready", True)
        if authority:
            self._client.tls_set(str(authority))
        self._client.connect("127.0.0.1", broker.port)
        self._client.subscribe("#", qos=1)
        self._client.loop_start()
        self.wait_until(lambda: self._ready)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline_s, self.heard
            time.sleep(0.01)

    def wait_for(self, topic: str, payload: str) -> None:
        self.wait_until(lambda: any((topic, payload) == message[:2] for message in self.heard))

    def topics(self) -> list[str]:
        return [topic for topic, *_ in self.heard]

    def _on_message(self, client: Client, data: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, message.payload.decode(), message.retain))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    listeners: list[Listener] = []

    def start(broker: Broker, authority: Path | None = None) -> Listener:
        listeners.append(Listener(broker, authority))
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.close()


def test_events_go_to_topics_of_their_kind_and_camera(broker: Start, listen) -> None:
    running = broker()
    heard, mqtt = listen(running), bridge(running)
    odd = "0-_x" * 8
    mqtt.deliver([parcel(1), parcel(2, odd), parcel(3, None, "daemon.started")], [])
    heard.wait_for("deconvid/daemon/started", '{"id": "e-3"}')
    assert [topic for topic in heard.topics() if "availability" not in topic] == [
        "deconvid/face/identified/door",
        f"deconvid/face/identified/{odd}",
        "deconvid/daemon/started",
    ]
    mqtt.close()
    heard.wait_for("deconvid/availability/01234567", "offline")


def test_home_assistant_finds_the_cameras_and_sees_who_is_there(broker: Start, listen) -> None:
    running = broker()
    mqtt = bridge(running, Presence(["door"]), discovery_prefix="ha")
    mqtt.deliver([], [seen(0, kind="appeared"), seen(1, ADA)])
    heard = listen(running)
    heard.wait_for("deconvid/state/01234567/door/last_person", ADA.name)
    retained = {topic: payload for topic, payload, is_retained in heard.heard if is_retained}
    sensor = json.loads(retained["ha/sensor/deconvid_01234567_door/last_person/config"])
    assert sensor["state_topic"] in retained
    assert retained[sensor["availability_topic"]] == "online"
    binary = json.loads(retained["ha/binary_sensor/deconvid_01234567_door/face_in_sight/config"])
    assert retained[binary["state_topic"]] == "ON"
    mqtt.deliver([], [seen(2, ADA, kind="left")])
    heard.wait_for("deconvid/state/01234567/door/face_in_sight", "OFF")
    mqtt.close()


def test_vanished_bridge_is_told_offline_by_the_broker(broker: Start, listen, tmp_path: Path) -> None:
    running = broker()
    heard = listen(running)
    script = f"""
from config import MqttSettings
from daemon.bridges.mqtt import Mqtt
import time
Mqtt(MqttSettings(kind="mqtt", host="127.0.0.1", port={running.port}), "ha", "{EPOCH}").keep_up()
print("up", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        heard.wait_for("deconvid/availability/01234567", "online")
        process.kill()
        heard.wait_for("deconvid/availability/01234567", "offline")


@pytest.mark.parametrize("other", [{"epoch": OTHER_EPOCH}, {"prefix": "yard/deconvid"}], ids=["another", "a clone"])
def test_two_installations_on_one_broker_leave_each_other_alone(broker: Start, listen, other: dict[str, str]) -> None:
    running = broker()
    first, second = bridge(running, Presence(["door"])), bridge(running, Presence(["door"]), **other)
    for mqtt in (first, second):
        mqtt.deliver([], [seen(0, kind="appeared"), seen(1, ADA)])
    heard = listen(running)
    heard.wait_until(lambda: len(heard.heard) >= 10)
    retained = dict(message[:2] for message in heard.heard)
    configs = [json.loads(payload) for topic, payload in retained.items() if topic.endswith("/config")]
    for key in ("unique_id", "state_topic"):
        assert len({config[key] for config in configs}) == 4
    assert {config["availability_topic"] for config in configs} <= retained.keys()
    assert len({config["device"]["identifiers"][0] for config in configs}) == 2
    second.close()
    time.sleep(0.1)
    assert [payload for _, payload, is_retained in heard.heard if payload == "offline"] == ["offline"]
    line = first._line
    first.deliver([parcel(1)], [])
    assert first._line is line  # nobody took its place at the broker
    first.close()


def test_broker_that_is_down_freezes_or_comes_back_empty(broker: Start, listen) -> None:
    running = broker()
    running.kill()
    mqtt = bridge(running, Presence(["door"]), timeout_s=0.7)
    with pytest.raises(UnreachableError, match="refused"):
        mqtt.keep_up()
    running.start()
    mqtt.deliver([parcel(1)], [])
    running.freeze()
    start = time.monotonic()
    with pytest.raises(UnreachableError):
        mqtt.deliver([parcel(2)], [])
    assert time.monotonic() - start < 3
    running.kill()
    running.start()
    heard = listen(running)
    for _ in range(3):
        try:
            mqtt.deliver([parcel(3)], [])
            break
        except UnreachableError:  # it may need one try to see that its connection is gone
            continue
    heard.wait_for("deconvid/face/identified/door", '{"id": "e-3"}')
    assert "homeassistant/sensor/deconvid_01234567_door/last_person/config" in heard.topics()
    mqtt.close()


def test_wrong_password_is_told_and_not_shown(broker: Start, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "viewer", "right"], check=True)
    passwords.chmod(0o644)
    running = broker(f"allow_anonymous false\npassword_file {passwords}")
    with pytest.raises(UnreachableError, match=r"(?i)not authori[sz]ed") as caught:
        bridge(running, username="viewer", password="hunter2").keep_up()
    assert "hunter2" not in str(caught.value)
    mqtt = bridge(running, username="viewer", password="right")
    assert "confirmed" in mqtt.test()
    mqtt.close()


def test_end_beside_a_broker_that_hangs_is_quick_and_quiet(broker: Start) -> None:
    running = broker()
    mqtt = bridge(running, timeout_s=60)
    mqtt.keep_up()
    running.freeze()
    start = time.monotonic()
    mqtt.close()
    assert time.monotonic() - start < 2.5
    assert "paho-mqtt" not in " ".join(thread.name for thread in threading.enumerate())


def encrypted(certificate: Certificate) -> str:
    files = f"certfile {certificate.chain}\nkeyfile {certificate.key}"
    return f"allow_anonymous true\n{files}\n"


def test_encrypted_broker_of_a_private_authority(broker: Start, certify: Certify, listen) -> None:
    certificate = certify("127.0.0.1")
    running = broker(encrypted(certificate))
    heard, mqtt = listen(running, certificate.authority), bridge(running, tls=True, ca_file=certificate.authority)
    mqtt.deliver([parcel(1)], [])
    heard.wait_for("deconvid/face/identified/door", '{"id": "e-1"}')
    mqtt.close()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # as below
@pytest.mark.parametrize("host", ["127.0.0.1", "elsewhere.example"], ids=["another authority", "another host"])
def test_broker_with_a_wrong_certificate_gets_nothing(broker: Start, certify: Certify, host: str) -> None:
    certificate = certify(host)
    running = broker(encrypted(certificate))
    authority = certify("127.0.0.1").authority if host == "127.0.0.1" else certificate.authority
    mqtt = bridge(running, tls=True, ca_file=authority, username="viewer", password="hunter2")
    with pytest.raises(UnreachableError, match="certificate is not trusted") as caught:
        mqtt.deliver([parcel(1)], [])
    assert "hunter2" not in str(caught.value)
    del caught
    gc.collect()  # now, while the warning is ignored


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # paho leaves the socket to the garbage collector
def test_unencrypted_broker_behind_tls(broker: Start) -> None:
    with pytest.raises(UnreachableError):
        bridge(broker(), tls=True).keep_up()
