"""Which adverts BlueZ tells its clients, and how; pure: reports in, signals out. Must never know a bus.

From the source of bluetoothd 5.66 (src/adapter.c: btd_adapter_device_found, discovery_cleanup; src/device.c) and of the
Linux kernel (net/bluetooth/hci_sync.c: hci_active_scan_sync):
- nothing is told while nobody discovers and no monitor matches;
- a level is told again when it moved by 8 dB, or each time while a client asks for levels or path loss;
- data is told again when it changed, or each time while a client asks for duplicates;
- while it scans actively, a controller may leave out what it told in the last seconds, unless a monitor is registered;
- when the last discovery stops, levels are taken back and devices that cannot be connected to are forgotten;
- a device that is not heard for 30 s is forgotten.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

THRESHOLD_DB = 8
FORGOTTEN_S = 30.0
DUPLICATE_S = 10.0
FLAGS, MANUFACTURER, SERVICE_DATA_128 = 0x01, 0xFF, 0x21


@dataclass(frozen=True, slots=True)
class Report:
    """One advertising report of a controller. `address` as C0:00:00:00:00:01, `rssi` in dBm."""

    address: str
    rssi: int
    manufacturer: Mapping[int, bytes] = field(default_factory=dict)
    services: Mapping[str, bytes] = field(default_factory=dict)
    name: str = ""
    tx_power: int | None = None
    random: bool = True
    connectable: bool = False
    flags: int = 0x06


class Appeared(NamedTuple):
    """An object is there, with all its properties."""

    path: str
    properties: dict[str, Any]


class Changed(NamedTuple):
    """Properties of a device changed, others are no more."""

    path: str
    properties: dict[str, Any]
    gone: tuple[str, ...] = ()


class Removed(NamedTuple):
    """A device is forgotten."""

    path: str


Signal = Appeared | Changed | Removed
Pattern = tuple[int, int, bytes]
"""Where in a structure of an advert, of which type, which bytes."""


@dataclass(slots=True)
class _Device:
    path: str
    last: Report
    rssi: int | None
    seen_s: float
    told: dict[int, float] = field(default_factory=dict)


class Rules:
    """An adapter: who discovers and monitors, and what was told of whom."""

    def __init__(self, path: str, *, drops_duplicates: bool = False) -> None:
        """`drops_duplicates`: the controller is one of those that filter during an active scan."""
        self.path, self.drops_duplicates = path, drops_duplicates
        self.filters: dict[str, Mapping[str, Any]] = {}
        self.discovering: dict[str, Mapping[str, Any]] = {}
        self.monitors: dict[tuple[str, str], Sequence[Pattern]] = {}
        self.devices: dict[str, _Device] = {}

    @property
    def tells_levels(self) -> bool:
        """Filters of all clients are merged: one that asks for levels makes them come for all."""
        return any("RSSI" in one or "Pathloss" in one for one in self.discovering.values())

    @property
    def tells_duplicates(self) -> bool:
        """The same for data."""
        return any(one.get("DuplicateData") for one in self.discovering.values())

    def weakest(self) -> int:
        """Below it nobody wants to hear: the least of the clients' bounds."""
        bounds = [int(one.get("RSSI", -128)) for one in self.discovering.values()]
        return min(bounds, default=-128)

    def report(self, one: Report, now_s: float) -> list[Signal]:
        """What clients are told of a report."""
        monitored = self._monitored(one)
        if not self.discovering and not monitored:
            return []
        if one.rssi < self.weakest() and not monitored:
            return []
        device = self.devices.get(one.address)
        if device is None:
            path = f"{self.path}/dev_{one.address.replace(':', '_')}"
            device = self.devices[one.address] = _Device(path, one, one.rssi, now_s)
            device.told[_digest(one)] = now_s
            return [Appeared(path, self.properties(device))]
        if self._dropped(device, one, now_s):
            return []
        device.seen_s = now_s
        changed = self._news(device, one)
        device.last = one
        return [Changed(device.path, changed)] if changed else []

    def properties(self, device: _Device) -> dict[str, Any]:
        """All properties of a device."""
        last = device.last
        found: dict[str, Any] = {
            "Address": last.address,
            "AddressType": "random" if last.random else "public",
            "Adapter": self.path,
            "Alias": last.name or last.address.replace(":", "-"),
            "AdvertisingFlags": bytes([last.flags]),
            **dict.fromkeys(("Paired", "Bonded", "Trusted", "Blocked", "LegacyPairing", "Connected"), False),
            "ServicesResolved": False,
            "UUIDs": list(last.services),
        }
        if device.rssi is not None:
            found["RSSI"] = device.rssi
        if last.name:
            found["Name"] = last.name
        if last.tx_power is not None:
            found["TxPower"] = last.tx_power
        if last.manufacturer:
            found["ManufacturerData"] = dict(last.manufacturer)
        if last.services:
            found["ServiceData"] = dict(last.services)
        return found

    def stop(self, client: str) -> list[Signal]:
        """A client discovers no more, or has left."""
        if self.discovering.pop(client, None) is None or self.discovering:
            return []
        found: list[Signal] = []
        for address, device in list(self.devices.items()):
            if device.rssi is not None:
                device.rssi = None
                found.append(Changed(device.path, {}, ("RSSI",)))
            if not device.last.connectable:
                found.append(self.forget(address))
        return found

    def leave(self, client: str) -> list[Signal]:
        """A client is gone altogether."""
        for key in [key for key in self.monitors if key[0] == client]:
            del self.monitors[key]
        self.filters.pop(client, None)
        return self.stop(client)

    def forget(self, address: str) -> Removed:
        """A device is no more."""
        return Removed(self.devices.pop(address).path)

    def forget_old(self, now_s: float) -> list[Signal]:
        """Devices that were not heard for 30 s."""
        old = [address for address, one in self.devices.items() if now_s - one.seen_s > FORGOTTEN_S]
        return [self.forget(address) for address in old]

    def _dropped(self, device: _Device, one: Report, now_s: float) -> bool:
        """Whether the controller keeps it to itself."""
        if not self.drops_duplicates or self.monitors or not self.discovering:
            return False
        digest = _digest(one)
        if now_s - device.told.get(digest, float("-inf")) < DUPLICATE_S:
            return True
        device.told = {digest: now_s}
        return False

    def _news(self, device: _Device, one: Report) -> dict[str, Any]:
        found: dict[str, Any] = {}
        moved = device.rssi is None or abs(device.rssi - one.rssi) >= THRESHOLD_DB
        if moved or self.tells_levels:
            device.rssi = one.rssi
            found["RSSI"] = one.rssi
        again = self.tells_duplicates
        if one.manufacturer and (again or one.manufacturer != device.last.manufacturer):
            found["ManufacturerData"] = dict(one.manufacturer)
        if one.services and (again or one.services != device.last.services):
            found["ServiceData"] = dict(one.services)
        if one.name and one.name != device.last.name:
            found["Name"] = one.name
        return found

    def _monitored(self, one: Report) -> bool:
        return any(
            kind == of and data[start : start + len(content)] == content
            for patterns in self.monitors.values()
            for start, of, content in patterns
            for kind, data in _structures(one)
        )


def _structures(one: Report) -> Iterator[tuple[int, bytes]]:
    """The structures of an advert: type and data (Core Specification Supplement, Part A)."""
    yield FLAGS, bytes([one.flags])
    for company, data in one.manufacturer.items():
        yield MANUFACTURER, company.to_bytes(2, "little") + data
    for uuid, data in one.services.items():
        yield SERVICE_DATA_128, bytes.fromhex(uuid.replace("-", ""))[::-1] + data


def _digest(one: Report) -> int:
    return hash((tuple(sorted(one.manufacturer.items())), tuple(sorted(one.services.items())), one.name))
