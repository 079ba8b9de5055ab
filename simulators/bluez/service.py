"""BlueZ's D-Bus interfaces as far as a scanner needs them, over the rules; must never tell what the rules do not.

Interfaces: org.bluez.Adapter1, org.bluez.Device1, org.bluez.AdvertisementMonitorManager1, and ObjectManager and
Properties of the D-Bus specification. Faults are methods, for tests and `forecourt sim bluez`.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from dbus_fast import BusType, Message, MessageType, NameFlag, RequestNameReply, Variant
from dbus_fast.aio import MessageBus

from gateway.errors import LinkError
from simulators.bluez.adapter import ADAPTER, MONITOR_MANAGER, Adapter
from simulators.bluez.calls import MANAGER, PROPERTIES, answer
from simulators.bluez.rules import Appeared, Changed, Report, Signal

DEVICE = "org.bluez.Device1"
_BACKLOG_MAX = 500
_SIGNATURES = {
    "RSSI": "n", "TxPower": "n", "Adapter": "o", "UUIDs": "as", "AdvertisingFlags": "ay", "Address": "s", "Name": "s",
    "AddressType": "s", "Alias": "s",
}  # fmt: skip


class BlueZ:
    """bluetoothd on a bus: `async with BlueZ(bus.address) as bluez`, then `await bluez.hear("hci0", report)`."""

    def __init__(
        self,
        address: str,
        adapters: Iterable[str] = ("hci0",),
        *,
        monitors: bool = True,
        drops_duplicates: bool = False,
    ) -> None:
        """`monitors`: whether it offers advertisement monitors; `drops_duplicates`: see Rules."""
        self._address, self._monitors, self._drops = address, monitors, drops_duplicates
        self.adapters = {
            name: Adapter(name, number, monitors, drops_duplicates) for number, name in enumerate(adapters)
        }
        self._bus: MessageBus | None = None
        self._last: asyncio.Future[None] | None = None
        self._drained = 0
        self.reports = self.signals = 0

    @property
    def bus(self) -> MessageBus:
        """The connection; raises LinkError while bluetoothd is down."""
        if self._bus is None:
            raise LinkError("the stand-in for bluetoothd is not running")
        return self._bus

    async def __aenter__(self) -> "BlueZ":
        await self.start()
        return self

    async def start(self) -> None:
        """The daemon begins: its name on the bus, its adapters announced."""
        bus = await MessageBus(bus_address=self._address, bus_type=BusType.SYSTEM).connect()
        _make_patient(bus)
        bus.add_message_handler(self._message)
        match = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"
        await bus.call(
            Message(
                destination="org.freedesktop.DBus", path="/org/freedesktop/DBus", interface="org.freedesktop.DBus",
                member="AddMatch", signature="s", body=[match],
            )
        )  # fmt: skip
        if await bus.request_name("org.bluez", NameFlag.DO_NOT_QUEUE) is not RequestNameReply.PRIMARY_OWNER:
            bus.disconnect()
            raise LinkError("somebody else is org.bluez on this bus: use a private one")
        self._bus = bus
        for one in self.adapters.values():
            self._announce(one)

    async def stop(self) -> None:
        """The daemon ends, as in a crash: it says nothing, its name is free."""
        if self._bus is not None:
            bus, self._bus = self._bus, None
            bus.disconnect()
            with contextlib.suppress(OSError, EOFError):
                await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        for number, (name, one) in enumerate(list(self.adapters.items())):
            again = Adapter(name, number, self._monitors, self._drops)
            again.powered = one.powered
            self.adapters[name] = again

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # What the radio hears

    async def hear(self, name: str, report: Report) -> bool:
        """An adapter hears an advert. True if clients were told. Waits while the bus is behind."""
        one = self.adapters.get(name)
        self.reports += 1
        if one is None or self._bus is None or not one.hears:
            return False
        signals = one.rules.report(report, time.monotonic())
        self._tell(signals)
        if self.signals - self._drained > _BACKLOG_MAX and self._last is not None:
            self._drained = self.signals
            with contextlib.suppress(OSError, EOFError):
                await self._last
        return bool(signals)

    def forget_old(self) -> None:
        """Devices that were not heard for 30 s are no more; to be called now and then."""
        for one in self.adapters.values():
            self._tell(one.rules.forget_old(time.monotonic()))

    # Faults

    def power(self, name: str, on: bool) -> None:
        """Somebody turns the adapter off or on, as `bluetoothctl power` does."""
        one = self.adapters[name]
        one.powered = on
        if on:
            one.dead = False
        else:
            for client in list(one.rules.discovering):
                self._tell(one.rules.stop(client))
            self._changed(one.path, ADAPTER, {"Discovering": Variant("b", False)})
        self._changed(one.path, ADAPTER, {"Powered": Variant("b", on)})

    def unplug(self, name: str) -> None:
        """The adapter is pulled out."""
        one = self.adapters.pop(name)
        self._tell([one.rules.forget(address) for address in list(one.rules.devices)])
        self._send("/", MANAGER, "InterfacesRemoved", "oas", [one.path, list(one.interfaces())])

    def plug(self, name: str) -> None:
        """An adapter is put in."""
        one = self.adapters[name] = Adapter(name, len(self.adapters), self._monitors, self._drops)
        self._announce(one)

    def busy(self, name: str, times: int) -> None:
        """The next discoveries are refused with InProgress."""
        self.adapters[name].busy = times

    def deafen(self, name: str, *, dead: bool = False) -> None:
        """The controller reports nothing more until discovery begins anew; `dead`: until it is turned off and on."""
        one = self.adapters[name]
        one.deaf, one.dead = not dead, dead

    # The bus

    def _message(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and message.body[1] and not message.body[2]:
                for one in self.adapters.values():
                    self._tell(one.rules.leave(message.body[0]))
            return None
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        return answer(self, message)

    def managed(self) -> dict[str, dict[str, dict[str, Variant]]]:
        """All objects, as GetManagedObjects answers."""
        found: dict[str, dict[str, dict[str, Variant]]] = {"/org/bluez": {"org.bluez.AgentManager1": {}}}
        for one in self.adapters.values():
            found[one.path] = one.interfaces()
            for device in one.rules.devices.values():
                found[device.path] = {DEVICE: _variants(one.rules.properties(device))}
        return found

    def discovering(self, one: Adapter) -> None:
        """Says whether somebody discovers."""
        self._changed(one.path, ADAPTER, {"Discovering": Variant("b", bool(one.rules.discovering))})

    def stopped(self, one: Adapter, client: str) -> None:
        """A client discovers no more."""
        self._tell(one.rules.stop(client))
        self.discovering(one)

    def _announce(self, one: Adapter) -> None:
        self._send("/", MANAGER, "InterfacesAdded", "oa{sa{sv}}", [one.path, one.interfaces()])

    def _tell(self, signals: Iterable[Signal]) -> None:
        for signal in signals:
            self.signals += 1
            if isinstance(signal, Appeared):
                body = [signal.path, {DEVICE: _variants(signal.properties)}]
                self._send("/", MANAGER, "InterfacesAdded", "oa{sa{sv}}", body)
            elif isinstance(signal, Changed):
                self._changed(signal.path, DEVICE, _variants(signal.properties), signal.gone)
            else:
                self._send("/", MANAGER, "InterfacesRemoved", "oas", [signal.path, [DEVICE]])

    def _changed(self, path: str, interface: str, changed: dict[str, Variant], gone: Iterable[str] = ()) -> None:
        self._send(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changed, list(gone)])

    def _send(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        if self._bus is None or not self._bus.connected:
            return
        signal = Message(
            message_type=MessageType.SIGNAL,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
        )
        with contextlib.suppress(OSError):  # a bus that has just died is noticed by whoever restarts it
            self._last = self._bus.send(signal)
            self._last.add_done_callback(lambda done: done.cancelled() or done.exception())


class _Patient:
    """A socket whose full buffer is no error: the library ends the bus on EAGAIN, and waits when 0 bytes went."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, data: memoryview) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _make_patient(bus: MessageBus) -> None:
    assert bus._writer is not None
    assert bus._sock is not None
    bus._writer.sock = _Patient(bus._sock)  # type: ignore[assignment]


def _variants(properties: dict[str, Any]) -> dict[str, Variant]:
    return {name: _variant(name, value) for name, value in properties.items()}


def _variant(name: str, value: Any) -> Variant:
    if name == "ManufacturerData":
        return Variant("a{qv}", {company: Variant("ay", data) for company, data in value.items()})
    if name == "ServiceData":
        return Variant("a{sv}", {uuid: Variant("ay", data) for uuid, data in value.items()})
    return Variant("b" if isinstance(value, bool) else _SIGNATURES[name], value)


__all__ = ["ADAPTER", "DEVICE", "MONITOR_MANAGER", "BlueZ"]
