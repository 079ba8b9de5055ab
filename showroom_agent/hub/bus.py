"""What BlueZ says of itself on the system bus: gone, off, unplugged, back; must never scan.

A connection of its own beside the scanner's, since the scanner's library says nothing when scanning has died.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final

from dbus_fast import AuthError, BusType, DBusError, ErrorType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from gateway.errors import LinkError

BLUEZ: Final = "org.bluez"
ADAPTER: Final = "org.bluez.Adapter1"
DEVICE: Final = "org.bluez.Device1"
MONITOR: Final = "org.bluez.AdvertisementMonitor1"
MONITOR_MANAGER: Final = "org.bluez.AdvertisementMonitorManager1"
OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
DBUS: Final = "org.freedesktop.DBus"
MONITOR_ROOT: Final = "/org/forecourt/hub"
MONITOR_PATH: Final = "/org/forecourt/hub/monitor"
PATTERNS: Final = tuple([0, 0x01, bytes([flags])] for flags in (0x02, 0x04, 0x06, 0x1A))
"""Adverts whose flags say discoverable and low energy, as beacons, phones and tags send them."""
CALL_S: Final = 5.0
RANKS: Final = ("", "adapter_off", "adapter_gone", "bluetoothd_gone", "dbus_gone")
"""What is higher causes what is lower."""
_RULES: Final = (
    f"type='signal',sender='{DBUS}',member='NameOwnerChanged',arg0='{BLUEZ}'",
    f"type='signal',sender='{BLUEZ}',interface='{OBJECTS}'",
    f"type='signal',sender='{BLUEZ}',interface='{PROPERTIES}',arg0='{ADAPTER}'",
)
_FAILURES: Final = (OSError, EOFError, DBusError, AuthError, TimeoutError, ValueError)


class BluezWatch:
    """`async with BluezWatch("hci0") as watch`. Raises LinkError where there is no bus.

    `trouble` is why the adapter cannot be used now, empty while it can: `dbus_gone`, `bluetoothd_gone`, `adapter_gone`,
    `adapter_off`. `changed` is set whenever it changes; whoever waits clears it.
    """

    def __init__(self, adapter: str) -> None:
        """`adapter`: such as hci0."""
        self.adapter, self.path = adapter, f"/org/bluez/{adapter}"
        self.trouble = "dbus_gone"
        self.happened = ""
        """The highest trouble since somebody cleared it, also when it is over: an adapter that was off for a moment."""
        self.changed = asyncio.Event()
        self.has_monitors = self.monitored = False
        self._bus: MessageBus | None = None

    async def __aenter__(self) -> "BluezWatch":
        bus = MessageBus(bus_type=BusType.SYSTEM)
        try:
            async with asyncio.timeout(CALL_S):
                await bus.connect()
                bus.add_message_handler(self._message)
                for rule in _RULES:
                    await _call(
                        bus, Message(DBUS, "/org/freedesktop/DBus", DBUS, "AddMatch", signature="s", body=[rule])
                    )
        except _FAILURES as error:
            bus.disconnect()
            raise LinkError(f"no system bus: {error}") from error
        self._bus = bus
        await self.look()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()

    @property
    def gone(self) -> bool:
        """Whether there is no bus any more."""
        return self.trouble == "dbus_gone"

    async def lost(self) -> None:
        """Returns when the connection to the bus is over."""
        if self._bus is not None:
            with contextlib.suppress(*_FAILURES):
                await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self._now("dbus_gone")

    async def look(self) -> dict[str, int]:
        """Asks BlueZ anew. The devices of the adapter that it has a level of from earlier, by path."""
        try:
            reply = await self._ask(Message(BLUEZ, "/", OBJECTS, "GetManagedObjects"))
        except LinkError:
            self._now("bluetoothd_gone")
            return {}
        objects: dict[str, dict[str, dict[str, Variant]]] = reply.body[0]
        own = objects.get(self.path, {})
        self.has_monitors = MONITOR_MANAGER in own
        if ADAPTER not in own:
            self._now("adapter_gone")
        else:
            self._now("" if own[ADAPTER]["Powered"].value else "adapter_off")
        cached = {}
        for path, interfaces in objects.items():
            device = interfaces.get(DEVICE, {})
            if path.startswith(f"{self.path}/") and "RSSI" in device:
                cached[path] = int(device["RSSI"].value)
        return cached

    async def monitor(self) -> bool:
        """Registers a monitor, which makes controllers report duplicates too; False where BlueZ offers none."""
        if not self.has_monitors or self.monitored:
            return self.monitored
        call = Message(BLUEZ, self.path, MONITOR_MANAGER, "RegisterMonitor", signature="o", body=[MONITOR_ROOT])
        try:
            await self._ask(call)
        except LinkError:
            self.has_monitors = False
            return False
        self.monitored = True
        return True

    async def power_cycle(self) -> None:
        """Turns the adapter off and on again: the last means against a controller that reports nothing."""
        for on in (False, True):
            body = [ADAPTER, "Powered", Variant("b", on)]
            with contextlib.suppress(LinkError):
                await self._ask(Message(BLUEZ, self.path, PROPERTIES, "Set", signature="ssv", body=body))

    async def _ask(self, call: Message) -> Message:
        if self._bus is None or not self._bus.connected:
            raise LinkError("the system bus is gone")
        try:
            async with asyncio.timeout(CALL_S):
                return await _call(self._bus, call)
        except _FAILURES as error:
            raise LinkError(f"{call.member}: {error}") from error

    def _now(self, trouble: str) -> None:
        if trouble:
            self.happened = max(self.happened, trouble, key=RANKS.index)
            self.monitored = self.monitored and trouble == "adapter_off"
        if trouble != self.trouble:
            self.trouble = trouble
            self.changed.set()

    def _message(self, message: Message) -> Message | None:
        if message.message_type is MessageType.METHOD_CALL:
            return _monitor_answer(message)
        if message.message_type is MessageType.SIGNAL:
            self._signal(str(message.member), str(message.path), message.body)
        return None

    def _signal(self, member: str, path: str, body: Sequence[Any]) -> None:
        if member == "NameOwnerChanged" and body[0] == BLUEZ:
            # A new daemon announces its adapters itself.
            self._now("bluetoothd_gone" if not body[2] else "adapter_gone")
        elif member == "InterfacesRemoved" and body[0] == self.path and ADAPTER in body[1]:
            self._now("adapter_gone")
        elif member == "InterfacesAdded" and body[0] == self.path and ADAPTER in body[1]:
            self.has_monitors = MONITOR_MANAGER in body[1]
            self._now("" if body[1][ADAPTER]["Powered"].value else "adapter_off")
        elif member == "PropertiesChanged" and path == self.path and "Powered" in body[1]:
            self._now("" if body[1]["Powered"].value else "adapter_off")


async def _call(bus: MessageBus, call: Message) -> Message:
    reply = await bus.call(call)
    if reply is None:
        raise EOFError("no answer")
    if reply.message_type is MessageType.ERROR:
        raise DBusError(str(reply.error_name), str(reply.body[0] if reply.body else ""))
    return reply


def _monitor_answer(call: Message) -> Message | None:
    """What BlueZ asks of our monitor; None: not about it."""
    if call.path == MONITOR_ROOT and call.interface == OBJECTS and call.member == "GetManagedObjects":
        return Message.new_method_return(call, "a{oa{sa{sv}}}", [{MONITOR_PATH: {MONITOR: _monitor_properties()}}])
    if call.path != MONITOR_PATH:
        return None
    if call.interface == PROPERTIES and call.member == "GetAll":
        return Message.new_method_return(call, "a{sv}", [_monitor_properties()])
    if call.interface == MONITOR and call.member in {"Activate", "Release", "DeviceFound", "DeviceLost"}:
        return Message.new_method_return(call)
    return Message.new_error(call, ErrorType.UNKNOWN_METHOD.value, str(call.member))


def _monitor_properties() -> dict[str, Variant]:
    return {"Type": Variant("s", "or_patterns"), "Patterns": Variant("a(yyay)", list(PATTERNS))}
