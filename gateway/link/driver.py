"""Drives the client library on the loop, the only file that knows paho-mqtt's client; must never decide what to send.

A new client for each connection: a used one would send again what it remembers, beside the outbox, which is the one
memory (MQTT-4.4.0-1). Of the library's inside we touch two things, named in the decision record: where it gets its
socket from, and how it sends a ping.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.errors import InputError, LinkError
from gateway.limits import MESSAGE_BYTES_MAX
from gateway.link import reasons
from gateway.link.dial import dial, explained
from gateway.link.endpoint import Endpoint
from gateway.link.framing import Frames
from gateway.link.packets import Message, Packed, Will, connect_properties
from gateway.link.plug import Plug

PACKET_BYTES_MAX = MESSAGE_BYTES_MAX + 65_536 + 1_024
"""The largest packet we take: a message, its topic and its properties."""
_MALFORMED = (LookupError, ValueError, struct.error, MQTTException)


class _Client(paho.Client):
    """The library's client on a socket that is connected already."""

    def __init__(self, client_id: str, plug: Plug) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5, manual_ack=True)
        self.max_inflight_messages_set(0)  # the window is ours
        self._plug = plug

    def _create_socket(self) -> Any:
        return self._plug

    def ping(self) -> None:
        """Sends PINGREQ."""
        self._send_pingreq()


class Driver:
    """One client of the library on one socket; tells its owner what happens through the `on_…` hooks."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._loop = asyncio.get_running_loop()
        self._endpoint = endpoint
        self._frames = Frames(PACKET_BYTES_MAX)
        self._plug: Plug
        self._client: _Client
        self._started = self._ended = self._leaving = self._flushing = self._writing = False
        self.security = "none"
        self.on_welcome: Callable[[int, bool, Properties], None]
        self.on_landed: Callable[[int, int], None]
        self.on_granted: Callable[[int, list[int]], None]
        self.on_message: Callable[[Message], None]
        self.on_sent: Callable[[], None]
        self.on_turn: Callable[[], None]
        self.on_ended: Callable[[LinkError, int | None], None]

    async def dial(self) -> None:
        """Connects the socket, TLS included; LinkError or LinkRefused."""
        sock = await dial(self._endpoint)
        self.security = getattr(sock, "version", lambda: None)() or "none"
        self._plug = Plug(sock, self._frames, self._loop.time)
        self._plug.on_published = self.on_sent
        self._started = True

    def greet(self, client_id: str, will: Will | None, receive_maximum: int) -> None:
        """Sends CONNECT."""
        client = self._client = _Client(client_id, self._plug)
        client.on_socket_register_write = lambda *_: self._want_flush()
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish, client.on_subscribe = self._on_publish, self._on_subscribe
        client.on_message = self._on_message
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        self._loop.add_reader(self._plug.fileno(), self._on_readable)
        where, asked = self._endpoint, connect_properties(receive_maximum, PACKET_BYTES_MAX)
        client.connect(where.host, where.port, where.keepalive_s, clean_start=where.clean_start, properties=asked)

    # What goes out

    def publish(self, topic: str, payload: bytes, retain: bool, properties: Packed | None) -> int:
        """Queues a PUBLISH and returns its packet id; LinkError when the library will not."""
        for _ in range(65_535):
            info = self._client.publish(topic, payload, 1, retain, properties)
            if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                return info.mid
            if info.rc != MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:  # said of a packet id that is still in use: take the next
                raise LinkError(f"the connection is closed ({info.rc.name})")
        raise LinkError("every packet id is in use")

    def subscribe(self, filters: tuple[str, ...]) -> int:
        """Queues a SUBSCRIBE at QoS 1, retained messages included, and returns its packet id."""
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE)
        try:
            _, mid = self._client.subscribe([(text, options) for text in filters])
        except ValueError as error:
            raise InputError(f"not a topic filter among {filters}") from error
        if mid is None:
            raise LinkError("the connection is closed")
        return mid

    def ack(self, mid: int) -> None:
        """Queues a PUBACK."""
        self._client.ack(mid, 1)

    def ping(self) -> None:
        """Queues a PINGREQ."""
        self._client.ping()

    def leave(self) -> None:
        """Queues DISCONNECT 0x00 behind whatever is queued; `on_ended` follows when the broker has closed."""
        self._leaving = True
        self._client.disconnect()

    # What is known

    @property
    def received_at(self) -> float:
        """When the last byte came, in the loop's time."""
        return self._plug.received_at

    @property
    def accepted_at(self) -> float:
        """When the kernel last took a byte, in the loop's time."""
        return self._plug.accepted_at

    @property
    def _open(self) -> bool:
        return not self._ended and self._client.socket() is not None

    # Ending

    def reject(self, code: int, why: str) -> None:
        """Tells the broker what it did wrong and ends; the broker publishes the will."""
        if not self._ended:
            self._client.on_disconnect = None  # its lock is held where we are called from a callback
            self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=code))
            self._guarded(self._client.loop_write)
        self.on_ended(reasons.error(f"{self._endpoint} broke the protocol: {why}", code), None)

    def end(self, reset: bool) -> None:
        """Closes the socket; with `reset` what the kernel has not sent is thrown away."""
        if self._ended:
            return
        self._ended = True
        if not self._started:
            return
        self._loop.remove_reader(self._plug.fileno())
        self._loop.remove_writer(self._plug.fileno())
        if reset:
            self._plug.reset()
        else:
            self._plug.finish()

    # The loop's side

    def _want_flush(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._ended:
            return
        self._guarded(self._client.loop_write)
        if self._plug.broken:
            self._on_readable()
        else:
            self._watch_writes()

    def _watch_writes(self) -> None:
        if self._ended:
            return
        wanted = self._client.want_write() and self._open
        if wanted != self._writing:
            self._writing = wanted
            if wanted:
                self._loop.add_writer(self._plug.fileno(), self._flush)
            else:
                self._loop.remove_writer(self._plug.fileno())
        self.on_turn()

    def _on_readable(self) -> None:
        if self._ended:
            return
        try:
            more = self._plug.fill()
        except InputError as error:
            self.reject(0x82, str(error))
            return
        if self._leaving and not self._open:
            self._last_words()
            return
        while self._plug.readable and self._open:
            self._guarded(self._client.loop_read)
        self._watch_writes()
        if more and self._open:
            self._loop.call_soon(self._on_readable)

    def _last_words(self) -> None:
        """After our DISCONNECT only the end is of interest."""
        self._plug.forget()
        if self._plug.eof:
            self.on_ended(LinkError("closed by us"), None)

    def _guarded(self, call: Callable[[], MQTTErrorCode]) -> None:
        """The library's calls raise whatever its decoders stumble over."""
        try:
            call()
        except _MALFORMED as error:
            self.on_ended(LinkError(f"{self._endpoint} sent a malformed packet ({type(error).__name__})"), None)

    # The library's side; its callbacks run inside `_guarded`

    def _on_connect(self, _c: Any, _u: Any, flags: paho.ConnectFlags, code: ReasonCode, properties: Any) -> None:
        self.on_welcome(code.value, flags.session_present, properties)

    def _on_publish(self, _c: Any, _u: Any, mid: int, code: ReasonCode, _p: Any) -> None:
        self.on_landed(mid, self._frames.odd_codes.pop(mid, code.value))

    def _on_subscribe(self, _c: Any, _u: Any, mid: int, codes: list[ReasonCode], _p: Any) -> None:
        self.on_granted(mid, [code.value for code in codes])

    def _on_message(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        mid = message.mid if message.qos else 0
        self.on_message(Message(message.topic, bytes(message.payload), message.qos, message.retain, mid))

    def _on_disconnect(self, _c: Any, _u: Any, flags: paho.DisconnectFlags, code: ReasonCode, _p: Any) -> None:
        if self._ended:
            return
        if flags.is_disconnect_packet_from_server:
            self.on_ended(reasons.error(f"{self._endpoint} ended the connection", code.value), code.value)
        elif self._leaving and not self._plug.eof:
            self._plug.shut()
        elif self._plug.failure is not None:
            self.on_ended(explained(self._plug.failure, self._endpoint), None)
        elif self._plug.eof:
            self.on_ended(LinkError(f"{self._endpoint} closed the connection without a word"), None)
        else:
            self.on_ended(LinkError(f"the connection with {self._endpoint} broke ({code})"), None)
