"""An adapter as an object on the bus, and its faults; must never decide what is told."""

import asyncio

from dbus_fast import Variant

from simulators.bluez.rules import Rules

ADAPTER = "org.bluez.Adapter1"
MONITOR_MANAGER = "org.bluez.AdvertisementMonitorManager1"


class Adapter:
    """One controller. `busy`: how many discoveries it refuses next; `deaf` and `dead`: see BlueZ.deafen."""

    def __init__(self, name: str, number: int, monitors: bool, drops_duplicates: bool) -> None:
        """Powered, and nobody discovers."""
        self.name, self.path = name, f"/org/bluez/{name}"
        self.address = f"00:1A:7D:DA:71:{number:02X}"
        self.rules = Rules(self.path, drops_duplicates=drops_duplicates)
        self.monitors = monitors
        self.powered = True
        self.busy = 0
        self.deaf = self.dead = False
        self.discovered = asyncio.Event()
        """A discovery began."""
        self.activated = asyncio.Event()
        """A monitor is in force."""

    @property
    def hears(self) -> bool:
        """Whether what is sent on the air comes in."""
        return self.powered and not self.deaf and not self.dead

    def properties(self) -> dict[str, Variant]:
        """Of org.bluez.Adapter1."""
        return {
            "Address": Variant("s", self.address),
            "AddressType": Variant("s", "public"),
            "Name": Variant("s", self.name),
            "Alias": Variant("s", self.name),
            "Class": Variant("u", 0),
            "Powered": Variant("b", self.powered),
            "Discoverable": Variant("b", False),
            "Pairable": Variant("b", False),
            "Discovering": Variant("b", bool(self.rules.discovering)),
            "UUIDs": Variant("as", []),
            "Modalias": Variant("s", "usb:v1D6Bp0246d0542"),
            "Roles": Variant("as", ["central", "peripheral"]),
        }

    def interfaces(self) -> dict[str, dict[str, Variant]]:
        """All interfaces of the object."""
        found = {ADAPTER: self.properties()}
        if self.monitors:
            found[MONITOR_MANAGER] = {
                "SupportedMonitorTypes": Variant("as", ["or_patterns"]),
                "SupportedFeatures": Variant("as", []),
            }
        return found
