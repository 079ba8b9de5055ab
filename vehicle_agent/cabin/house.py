"""How a vehicle agent keeps a cabin: made from settings, wiped with the visit, seen on the health page.

Must never let a visit's leftovers wait for the next guest.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from gateway.clock import Clock
from gateway.errors import LinkError, StoreError
from gateway.guest import GuestDesk
from gateway.health import Health
from gateway.log import Log
from vehicle_agent.cabin.cabin import Cabin
from vehicle_agent.cabin.link import CabinLink

if TYPE_CHECKING:
    from vehicle_agent.settings import VehicleAgentSettings

MEMORY: Final = "cabin.json"
AGAIN_S: Final = 5.0
_log = Log("cabin")


async def open_cabin(settings: "VehicleAgentSettings", clock: Clock) -> Cabin | None:
    """The cabin that the settings describe; None where they name no vehicle card. Raises ConfigError."""
    name = settings.cabin.card_file or settings.cabin.card
    if not name:
        return None
    from gateway.profile.fit import load_card

    card = await asyncio.to_thread(load_card, name)
    return Cabin(CabinLink(settings.databroker), card, clock, memory=settings.store.folder / MEMORY)


class CabinHouse:
    """A cabin beside a guest desk (None where the device has none): each wipe of the desk is one of the cabin too."""

    def __init__(self, cabin: Cabin, desk: GuestDesk | None) -> None:
        self._cabin, self._desk = cabin, desk
        self._turn = asyncio.Lock()
        if desk is not None:
            desk.wipe.others.append(cabin)
            desk.before_open.append(self.clean)

    async def run(self) -> None:
        """Runs the cabin; what a wipe that was cut has left in it goes as soon as the databroker is there."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._cabin.run(), name="cabin")
            group.create_task(self.tidy(), name="cabin-tidy")

    def observe(self, health: Health) -> None:
        """Adds the cabin to the health page; no value of a guest."""
        connected = health.registry.gauge("forecourt_cabin_connected", "1 while the cabin's databroker is connected")
        missing = health.registry.gauge("forecourt_cabin_missing", "Actuators of the card that the databroker lacks")
        counted = health.registry.counter("forecourt_cabin_counted_total", "What the cabin counts", ("what",))

        async def collect() -> None:
            status = self._cabin.status()
            connected.set(int(status.connected))
            missing.set(status.missing)
            for what, count in status.counters.items():
                counted.labels(what).mirror(count)

        def ready() -> str:
            status = self._cabin.status()
            return "" if status.connected else f"no cabin: {status.trouble}"

        health.collectors.append(collect)
        health.ready["cabin"] = ready

    async def clean(self) -> None:
        """What a visit before has left goes; no other begins before that. Raises LinkError and StoreError."""
        async with self._turn:
            await self._cabin.tidy()

    async def tidy(self) -> None:
        """Waits for the databroker; what a visit before has left goes, unless a visit is open."""
        while self._desk is None or self._desk.session() is None:
            await self._cabin.ready()
            if self._desk is not None and self._desk.session() is not None:
                return
            try:
                await self.clean()
            except (LinkError, StoreError) as error:
                _log.warning("cabin_not_tidy", error=str(error))
                await asyncio.sleep(AGAIN_S)
            else:
                return
