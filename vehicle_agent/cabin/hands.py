"""Who follows the databroker and gives the orders; must never hand out an order that nobody judged a moment ago."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Final

from gateway.clock import Clock
from gateway.errors import LinkError
from gateway.link import Backoff
from gateway.log import Log
from vehicle_agent.cabin.engine import Engine
from vehicle_agent.cabin.going import TICK_MS, Order
from vehicle_agent.cabin.inputs import lag_ms
from vehicle_agent.cabin.link import CabinLink
from vehicle_agent.cabin.outcome import Reason
from vehicle_agent.cabin.plan import Limits

RETRY_SOON_MAX_S: Final = 2.0
RETRY_LATER_MAX_S: Final = 30.0
IDLE_S: Final = 1.0
_log = Log("cabin")


class Hands:
    """The engine's eyes and hands. `on_tick` is called after each look, with the time in milliseconds."""

    def __init__(
        self, link: CabinLink, card: Mapping[str, Limits], clock: Clock, on_tick: Callable[[int], None]
    ) -> None:
        self._link, self._card, self._clock, self._on_tick = link, card, clock, on_tick
        self.engine = Engine(card)
        self.ready = asyncio.Event()
        self.left: list[Order] = []
        self.giving = 0
        """Orders that are on their way."""
        self.trouble = "has not begun"
        self.counters: Counter[str] = Counter()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Connects, follows and orders, and begins again whenever the databroker is lost; until it is cancelled."""
        backoff, loop = Backoff(soon_max_s=RETRY_SOON_MAX_S, later_max_s=RETRY_LATER_MAX_S), asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._orders(group), name="cabin-hands")
                while True:
                    begun_s = loop.time()
                    try:
                        await self._follow(backoff)
                        error = LinkError("the databroker ended the subscription")
                    except LinkError as lost:
                        error = lost
                    self._lost(error)
                    await asyncio.sleep(backoff.failed(error.retry, loop.time() - begun_s))
        finally:
            self._lost(None)
            self._on_tick(self.now_ms())
            await self._link.aclose()

    def wake(self) -> None:
        """There is something to look at."""
        self._news.set()

    def connected(self) -> None:
        """Raises LinkError when the vehicle's state is not known."""
        if not self.ready.is_set():
            raise LinkError(f"the cabin is not reached: {self.trouble}")

    def now_ms(self) -> int:
        """The boot clock."""
        return int(self._clock.boottime_s() * 1_000)

    async def give(self, order: Order) -> Reason:
        """One order. It is judged again here: the loop may have been busy since."""
        reason = self.engine.forbids(order, self.now_ms())
        if reason is Reason.NONE:
            self.counters["orders"] += 1
            self.giving += 1
            try:
                reason = await self._link.order(order.path, order.value)
            finally:
                self.giving -= 1
        if reason is not Reason.NONE:
            self.counters[f"order_{reason}"] += 1
        self.engine.answered(order, reason, self.now_ms())
        self._news.set()
        return reason

    async def _follow(self, backoff: Backoff) -> None:
        vehicle = await self._link.connect(sorted(self.engine.signals()))
        self.engine.connected(vehicle.known, vehicle.on_change)
        self.engine.limits = self._link.narrowed(self._card)
        async with aclosing(self._link.samples(sorted(vehicle.known))) as stream:
            async for samples in stream:
                now_ms, wall_us = self.now_ms(), self._clock.wall_us()
                for path, value, ts_us in samples:
                    self.engine.take(path, value, now_ms, lag_ms(wall_us, ts_us))
                if not self.ready.is_set():
                    self.trouble, backoff.failures = "", 0
                    self.ready.set()
                    _log.info("cabin_connected", signals=len(vehicle.known))
                self._news.set()

    def _lost(self, error: LinkError | None) -> None:
        if self.ready.is_set() and error is not None:
            _log.warning("cabin_lost", error=str(error))
            self.counters["lost"] += 1
        self.trouble = str(error or "ended")
        self.ready.clear()
        self.engine.lost()
        self._news.set()

    async def _orders(self, group: asyncio.TaskGroup) -> None:
        """Judges at all that is heard and every TICK_MS."""
        while True:
            self._news.clear()
            now_ms = self.now_ms()
            orders, self.left = self.left + self.engine.tick(now_ms), []
            for order in orders:
                group.create_task(self.give(order), name="cabin-order")
            self._on_tick(now_ms)
            wait_s = TICK_MS / 1_000 if self.engine.run is not None else IDLE_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
