"""MQTT 3.1.1, QoS 1."""

import math
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress

import msgspec
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config import MqttSettings
from daemon.bridges.homeassistant import Home, Message
from daemon.bridges.presence import CameraPresence, Presence
from daemon.bridges.transport import Parcel, UnreachableError, untrusted
from daemon.rules import Sighting

KEEP_ALIVE_S = 30
FAREWELL_S = 1.0
"""Longest wait for the broker at the end: the supervisor gives a bridge three seconds."""
EPOCH_DIGITS = 8
"""Of the database's id, hexadecimal: enough to tell the installations at one broker apart."""


class _Line:
    """One connection: a client is used for one only, so that nothing of an old one is sent on a new one."""

    def __init__(self, settings: MqttSettings, client_id: str, will: Message | None) -> None:
        """Raises UnreachableError."""
        self._timeout_s, self._answered = settings.timeout_s, threading.Event()
        self._refusal = ""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=True, reconnect_on_failure=False)
        self._client.connect_timeout = settings.timeout_s
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        if will:
            self._client.will_set(*will, qos=1, retain=True)
        if settings.username is not None:
            self._client.username_pw_set(
                settings.username, settings.password.get_secret_value() if settings.password else None
            )
        where = "{}:{}".format(*settings.address)
        try:
            if settings.tls:
                ca_file = str(settings.ca_file) if settings.ca_file else None
                self._client.tls_set_context(ssl.create_default_context(cafile=ca_file))
            self._client.connect(*settings.address, keepalive=KEEP_ALIVE_S)
        except ssl.SSLCertVerificationError as error:
            raise UnreachableError(f"{where}: {untrusted(error)}") from error
        except (OSError, ValueError) as error:
            raise UnreachableError(f"{where}: {getattr(error, 'strerror', None) or error}") from error
        self._client.loop_start()
        if not self._answered.wait(settings.timeout_s) or self._refusal:
            self.close()
            raise UnreachableError(f"{where}: {self._refusal or 'does not answer in time'}")

    @property
    def is_up(self) -> bool:
        return self._client.is_connected()

    def publish(self, messages: Sequence[Message], retain: bool, timeout_s: float = math.inf) -> None:
        """Returns when the broker has all of them. Raises UnreachableError."""
        deadline_s = time.monotonic() + min(timeout_s, self._timeout_s)
        sent = [self._publish(topic, payload, retain) for topic, payload in messages]
        for message in sent:
            # paho may tell of a broken connection or wait for one that does not come back; both are a failure.
            while not message.is_published():
                if not self.is_up or time.monotonic() > deadline_s:
                    raise UnreachableError("the broker did not confirm what was sent")
                message.wait_for_publish(0.1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, topic: str, payload: bytes, retain: bool) -> MQTTMessageInfo:
        message = self._client.publish(topic, payload, qos=1, retain=retain)
        if message.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise UnreachableError("the connection to the broker broke")
        return message

    def _on_connect(
        self, client: Client, data: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._refusal = str(reason) if reason.is_failure else ""
        self._answered.set()

    def _on_disconnect(
        self, client: Client, data: object, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if not self._answered.is_set():
            self._refusal = str(reason)
            self._answered.set()


class Mqtt:
    """Connects when it is used or kept up. The broker says `offline` for us if we vanish."""

    most_at_once = 20

    def __init__(self, settings: MqttSettings, name: str, epoch: str, presence: Presence | None = None) -> None:
        """
        Args:
            settings: of the bridge.
            name: of the bridge.
            epoch: id of the database, which restarts and restores keep: it tells installations at one broker apart.
            presence: as of now, for Home Assistant; None: it is told nothing.
        """
        self._settings, self._presence = settings, presence
        self._home = Home(settings.prefix, settings.discovery_prefix, epoch[:EPOCH_DIGITS])
        self._client_id = f"{self._home.id}-{name}"
        self._line: _Line | None = None
        self._shown: dict[str, CameraPresence] = {}

    def keep_up(self) -> None:
        self._connected()

    def deliver(self, parcels: Sequence[Parcel], seen: Sequence[Sighting]) -> None:
        line = self._connected()
        line.publish([(self._topic(parcel), parcel.body) for parcel in parcels], retain=False)
        if self._presence:
            for event in seen:
                self._presence.see(event)
            self._show(line)

    def test(self) -> str:
        line = _Line(self._settings, f"{self._client_id}-test", None)
        topic = f"{self._settings.prefix}/test"
        try:
            line.publish([(topic, msgspec.json.encode({"version": 1, "test": True}))], retain=False)
        finally:
            line.close()
        return f"{self._settings.host} confirmed a message on {topic}"

    def close(self) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        with closing(line), suppress(UnreachableError):
            if line.is_up:
                line.publish([(self._home.availability_topic, b"offline")], retain=True, timeout_s=FAREWELL_S)

    def _connected(self) -> _Line:
        if self._line and self._line.is_up:
            return self._line
        if self._line:
            self._line.close()
        self._line, self._shown = None, {}
        availability = self._home.availability_topic
        line = self._line = _Line(self._settings, self._client_id, (availability, b"offline"))
        # The broker may have been another one or have forgotten everything.
        line.publish([*self._introduction(), (availability, b"online")], retain=True)
        self._show(line)
        return line

    def _introduction(self) -> Iterator[Message]:
        if self._presence and self._settings.discovery:
            for camera in self._presence.states():
                yield from self._home.discovery(camera)

    def _show(self, line: _Line) -> None:
        """Publishes the states that the broker does not know yet."""
        if not self._presence or not self._settings.discovery:
            return
        new = {camera: now for camera, now in self._presence.states().items() if now != self._shown.get(camera)}
        line.publish(
            [message for camera, now in new.items() for message in self._home.states(camera, now)], retain=True
        )
        self._shown |= new

    def _topic(self, parcel: Parcel) -> str:
        kind = parcel.kind.replace(".", "/")
        return "/".join([self._settings.prefix, kind, *([parcel.camera] if parcel.camera else [])])
