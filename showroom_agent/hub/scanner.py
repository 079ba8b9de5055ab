"""The radio through bleak, with the settings that lose nothing; must never pass on a level that was not just measured.

BlueZ tells a level again only when it moved by 8 dB, unless a client filters by level; and tells data again only when
it changed, unless a client asks for duplicates. Without both, three of four adverts of a beacon are lost.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError, BleakError

from gateway.errors import LinkError
from showroom_agent.radio import Advert

FILTERS: Final[dict[str, Any]] = {"RSSI": -127, "DuplicateData": True}
"""A bound below all levels makes BlueZ tell each of them."""
START_S: Final = 5.0
DEVICES_MAX: Final = 5_000
_NOT_ADVERTISED: Final = ("Alias", "Blocked", "Bonded", "Connected", "Icon", "Paired", "ServicesResolved", "Trusted")
"""Properties that change without an advert; BlueZ's clients are then shown the old level again."""
_IN_PROGRESS: Final = "org.bluez.Error.InProgress"


class Refused(LinkError):
    """The scan could not begin. `cause`: `in_progress` where another program holds it, else `scan_refused`."""

    def __init__(self, cause: str, text: str) -> None:
        """`text`: what BlueZ said."""
        super().__init__(text)
        self.cause = cause


class Scanner:
    """One scan of one adapter: `start`, adverts, `stop`; for the next scan make another."""

    def __init__(self, adapter: str, hear: Callable[[Advert], object], cached: Mapping[str, int] | None = None) -> None:
        """`cached`: levels that BlueZ kept from earlier, by device; told once more they are none."""
        self._hear, self._cached = hear, dict(cached or {})
        self._ended = False
        self.stale = 0
        self._last: OrderedDict[str, tuple[int, tuple[Any, ...]]] = OrderedDict()
        self._scanner = BleakScanner(self._found, bluez={"adapter": adapter, "filters": dict(FILTERS)})  # type: ignore[typeddict-item]

    async def start(self) -> None:
        """Begins. Raises Refused."""
        try:
            async with asyncio.timeout(START_S):
                await self._scanner.start()
        except BleakDBusError as error:
            cause = "in_progress" if error.dbus_error == _IN_PROGRESS else "scan_refused"
            raise Refused(cause, str(error)) from error
        except (BleakError, OSError, EOFError, TimeoutError) as error:
            raise Refused("scan_refused", f"{type(error).__name__}: {error}") from error

    async def stop(self, *, bus_gone: bool = False) -> None:
        """Ends; whatever is wrong with BlueZ, this returns within seconds.

        `bus_gone`: there is nobody to say it to. The library would call into a dead socket, and lose the error.
        """
        self._ended = True
        if bus_gone:
            return
        with contextlib.suppress(BleakError, OSError, EOFError, TimeoutError, AssertionError):
            async with asyncio.timeout(START_S):
                await self._scanner.stop()

    def _is_stale(self, path: str, rssi: int, properties: Mapping[str, Any]) -> bool:
        """Whether something else changed of a device, and the level beside it is the one that was told before."""
        if self._cached and self._cached.pop(path, None) == rssi:
            return True
        now = rssi, tuple(properties.get(name) for name in _NOT_ADVERTISED)
        before = self._last.get(path)
        if now == before:
            return False
        self._last[path] = now
        self._last.move_to_end(path)
        if len(self._last) > DEVICES_MAX:
            self._last.popitem(last=False)
        return before is not None and before[0] == rssi

    def _found(self, _: BLEDevice, data: AdvertisementData) -> None:
        if self._ended:
            return
        at_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        path, properties = data.platform_data
        rssi = properties.get("RSSI")
        if rssi is not None and self._is_stale(path, rssi, properties):
            self.stale += 1
            rssi = None
        self._hear(
            Advert(
                bytes.fromhex(properties["Address"].replace(":", "")),
                rssi,
                at_s,
                properties.get("AddressType") != "public",
                data.manufacturer_data,
                data.service_data,
                data.local_name or "",
                data.tx_power,
            )
        )
