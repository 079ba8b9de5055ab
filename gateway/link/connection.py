"""One MQTT 5 connection as the rooms above see it; must never know what an event means."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from gateway.errors import LinkError, LinkRefused, TooLarge
from gateway.limits import (
    LINK_BUFFER_BYTES_TARGET,
    LINK_CLOSE_TIMEOUT_S,
    LINK_RECEIVE_MAXIMUM,
    PUBACK_WINDOW_MAX,
)
from gateway.link import reasons
from gateway.link.driver import Driver
from gateway.link.endpoint import Endpoint
from gateway.link.flights import Flight, Flights
from gateway.link.packets import Message, Will, packet_bytes, publish_properties
from gateway.log import Log

IDLE_SHARE = 1.75
"""Silence of this many keep-alives ends a connection; a ping went out after the first."""
PING_SHARE = 0.9
"""After this part of a keep-alive without a byte in or out a ping goes out."""
TICK_MAX_S = 1.0
_PROTOCOL_ERROR, _RECEIVE_MAXIMUM_EXCEEDED = 0x82, 0x93

log = Log("link")


class Connection:
    """One connection, from dial to end. Made by Link; every method is for the loop's thread."""

    def __init__(
        self,
        endpoint: Endpoint,
        client_id: str,
        *,
        on_message: Callable[["Connection", Message], None],
        will: Will | None = None,
        receive_maximum: int = LINK_RECEIVE_MAXIMUM,
        window_max: int = PUBACK_WINDOW_MAX,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._endpoint, self._client_id, self._will = endpoint, client_id, will
        self._handler, self._receive_maximum, self._window_max = on_message, receive_maximum, window_max
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self.error: LinkError | None = None
        self.end_code: int | None = None
        self.packet_bytes_max = 0
        self.handler_failures = 0
        self._keepalive_s = endpoint.keepalive_s
        self._pinged_at = 0.0
        self._flights = Flights()
        self._welcome: asyncio.Future[None] = self._loop.create_future()
        self._leaving = False
        self._subscribing: dict[int, tuple[asyncio.Future[list[int]], float]] = {}
        self._unacked: dict[int, Message] = {}
        self._handled: set[int] = set()
        self._room = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        driver = self._driver = Driver(endpoint)
        driver.on_welcome, driver.on_landed, driver.on_granted = self._on_welcome, self._on_landed, self._on_granted
        driver.on_message, driver.on_turn, driver.on_ended = self._on_message, self._on_turn, self._over
        driver.on_sent = lambda: self._flights.sent(self._loop.time())

    # What is known

    @property
    def window(self) -> int:
        """Publishes that may be unacknowledged at once: the broker's Receive Maximum, capped by ours."""
        return self._flights.window

    @property
    def in_flight(self) -> int:
        """Publishes without a PUBACK, those included that wait for a slot."""
        return self._flights.count

    @property
    def buffered_bytes(self) -> int:
        """Bytes of publishes that the kernel has not taken yet."""
        return self._flights.buffered_bytes

    @property
    def writable(self) -> bool:
        """Whether a further publish would go out soon: a slot is free and little is buffered."""
        flights = self._flights
        return flights.count < flights.window and flights.buffered_bytes < LINK_BUFFER_BYTES_TARGET

    @property
    def idle_flight_s(self) -> float:
        """Age of the oldest publish without a PUBACK, in seconds."""
        return self._flights.oldest_s(self._loop.time())

    @property
    def security(self) -> str:
        """`TLSv1.3` or `none`."""
        return self._driver.security

    def holds(self, published: asyncio.Future[int]) -> bool:
        """Whether the packet of a publish may still leave this process or be under way; a cancelled one may."""
        return self._flights.holds(published)

    # Beginning

    async def dial(self) -> None:
        """Connects the socket, TLS included; LinkError or LinkRefused."""
        await self._driver.dial()

    async def greet(self) -> None:
        """Sends CONNECT and waits for the broker's welcome; LinkError, LinkBusy or LinkRefused."""
        self._driver.greet(self._client_id, self._will, self._receive_maximum)
        await self._welcome
        self._tick()

    # Sending

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expiry_s: int | None = None,
        properties: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> asyncio.Future[int]:
        """Publishes at QoS 1; the future brings the PUBACK's reason code as it is, 0x00 or not.

        LinkError, at once or in the future, when the connection is over first; TooLarge at once above the broker's
        Maximum Packet Size; LinkBusy at once when too much waits for a slot (respect `writable`). Cancelling the future
        gives up the answer, not the packet: its slot comes back with its PUBACK.
        """
        self._check_open()
        packed = publish_properties(expiry_s, properties, content_type)
        size = packet_bytes(topic, payload, packed)
        if size > self.packet_bytes_max:
            raise TooLarge(f"a packet of {size} bytes; the broker takes {self.packet_bytes_max}")
        flight = Flight(self._loop.create_future(), topic, payload, retain, packed, size)
        if self._flights.has_slot():
            self._launch(flight)
        else:
            self._flights.wait(flight)
        if not self.writable:
            self._room.clear()
        return flight.future

    async def wait_writable(self) -> None:
        """Returns when `writable`; LinkError when the connection is over."""
        while not self.writable:
            await self._room.wait()
            self._check_open()

    async def subscribe(self, *filters: str) -> None:
        """Subscribes at QoS 1, retained messages included; LinkRefused when the broker refuses a filter."""
        self._check_open()
        answer: asyncio.Future[list[int]] = self._loop.create_future()
        self._subscribing[self._driver.subscribe(filters)] = (answer, self._loop.time())
        for text, code in zip(filters, await answer, strict=False):
            if code >= reasons.FAILURE:
                raise LinkRefused(str(reasons.error(f"the broker refuses the subscription {text}", code)))

    def ack(self, message: Message) -> None:
        """Acknowledges a message of this connection, once handled; PUBACKs leave in order of arrival (MQTT-4.6.0-2)."""
        if self._unacked.get(message.mid) is not message:
            return
        self._handled.add(message.mid)
        while self._unacked and (first := next(iter(self._unacked))) in self._handled:
            del self._unacked[first]
            self._handled.remove(first)
            if not self.closed.done() and not self._leaving:
                self._driver.ack(first)

    # Ending

    def abort(self, why: str) -> None:
        """Drops the socket now; nothing that is still buffered leaves, and the broker publishes the will."""
        self._over(LinkError(why), None, reset=True)

    async def disconnect(self) -> None:
        """Says farewell, so that the broker drops the will; takes at most LINK_CLOSE_TIMEOUT_S."""
        if self.closed.done() or self._leaving:
            return
        self._leaving = True
        self._driver.leave()
        try:
            async with asyncio.timeout(LINK_CLOSE_TIMEOUT_S):
                await asyncio.shield(self.closed)
        except TimeoutError:
            log.warning("farewell_timeout")
        finally:
            self._over(LinkError("closed by us"), None)

    # What the driver tells

    def _on_welcome(self, code: int, session_present: bool, properties: Any) -> None:
        if self._welcome.done():
            return
        what = f"{self._endpoint} refuses the connection"
        if code >= reasons.FAILURE:
            self._over(reasons.error(what, code), code)
            return
        if session_present and self._endpoint.clean_start:
            self._driver.reject(_PROTOCOL_ERROR, "a session is said to be present after a clean start (MQTT-3.2.2-2)")
            return
        if getattr(properties, "MaximumQoS", 1) < 1 or not getattr(properties, "RetainAvailable", 1):
            self._over(LinkRefused(f"{self._endpoint} does not offer QoS 1 and retained messages"), None)
            return
        self._flights.window = min(getattr(properties, "ReceiveMaximum", 65_535), self._window_max)
        self.packet_bytes_max = getattr(properties, "MaximumPacketSize", 268_435_460)
        self._keepalive_s = getattr(properties, "ServerKeepAlive", self._keepalive_s)
        self._welcome.set_result(None)

    def _on_landed(self, mid: int, code: int) -> None:
        self._flights.landed(mid, code, self._loop.time())

    def _on_granted(self, mid: int, codes: list[int]) -> None:
        answer, _ = self._subscribing.pop(mid, (None, 0.0))
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _on_message(self, message: Message) -> None:
        if message.qos:
            if message.mid in self._unacked or len(self._unacked) >= self._receive_maximum:
                self._driver.reject(_RECEIVE_MAXIMUM_EXCEEDED, "more messages at once than we said we take")
                return
            self._unacked[message.mid] = message
        try:
            self._handler(self, message)
        except Exception as error:  # noqa: BLE001  a handler's mistake must not cost the session; its message is done with
            self.handler_failures += 1
            log.error("handler_failed", error=type(error).__name__, topic=message.topic)
            self.ack(message)

    def _on_turn(self) -> None:
        while not self.closed.done() and not self._leaving and (flight := self._flights.next_waiting()) is not None:
            self._launch(flight)
        if self.writable:
            self._room.set()

    def _over(self, error: LinkError, code: int | None, reset: bool = False) -> None:
        if self.closed.done():
            return
        self.error, self.end_code = error, code
        self.closed.set_result(str(error))
        self._driver.end(reset)
        if self._timer is not None:
            self._timer.cancel()
        self._flights.fail(error)
        _tell(self._welcome, error)
        for answer, _ in self._subscribing.values():
            _tell(answer, error)
        self._subscribing.clear()
        self._room.set()

    # Inside

    @property
    def _ping_after_s(self) -> float:
        return PING_SHARE * self._keepalive_s

    def _check_open(self) -> None:
        if self.closed.done() or self._leaving:
            raise self.error or LinkError("closed by us")

    def _launch(self, flight: Flight) -> None:
        mid = self._driver.publish(flight.topic, flight.payload, flight.retain, flight.properties)
        self._flights.launched(mid, flight, self._loop.time())

    def _tick(self) -> None:
        if self.closed.done():
            return
        now, timeout_s = self._loop.time(), self._endpoint.ack_timeout_s
        overdue = self._flights.overdue(now, self._driver.accepted_at, timeout_s)
        if overdue or any(now - asked_at > timeout_s for _, asked_at in self._subscribing.values()):
            self.abort(f"{self._endpoint} did not acknowledge within {timeout_s:g} s")
            return
        silent_s = now - self._driver.received_at
        if self._keepalive_s and silent_s > IDLE_SHARE * self._keepalive_s:
            self.abort(f"{self._endpoint} was silent for {silent_s:.1f} s")
            return
        unanswered = self._pinged_at > self._driver.received_at
        if self._keepalive_s and not unanswered and max(silent_s, now - self._driver.accepted_at) > self._ping_after_s:
            self._pinged_at = now
            self._driver.ping()
        pause_s = min(TICK_MAX_S, timeout_s / 8, (self._keepalive_s or TICK_MAX_S) / 16)
        self._timer = self._loop.call_later(pause_s, self._tick)


def _tell(waiter: asyncio.Future[Any], error: LinkError) -> None:
    if not waiter.done():
        waiter.set_exception(error)
        waiter.exception()  # whoever waits will see it; where nobody does it is no mistake
