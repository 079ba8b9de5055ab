"""A site with its desk, and hubs that join it; must never set the machine's clock."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.clock import BUILD_TIME_US, Clock, ManualClock
from showroom_agent.joining import Address, JoinDesk, Joined, Place, Token, join

YEAR_S = 365 * 86_400


def now(ahead_s: float = 90 * 86_400) -> ManualClock:
    """The site's clock."""
    return ManualClock(BUILD_TIME_US + round(ahead_s * 1e6))


@dataclass(slots=True)
class Site:
    """A site whose desk listens on 127.0.0.1."""

    place: Place
    desk: JoinDesk
    clock: ManualClock
    folder: Path

    async def invite(self, hub: str = "hub-07", **terms: Any) -> Token:
        """A token for a hub."""
        invite = self.place.invitations.invite
        return await asyncio.to_thread(invite, "127.0.0.1", self.desk.port, self.place.pin, hub, **terms)

    async def join(self, token: Token, folder: Path, clock: Clock | None = None, **terms: Any) -> Joined:
        """A hub joins."""
        return await asyncio.to_thread(join, token, folder, clock or now(), **terms)


@contextlib.asynccontextmanager
async def site(folder: Path, broker_port: int = 8_883, true_clock: Clock | None = None) -> AsyncIterator[Site]:
    """A site, made and running; with a true clock where others judge its certificates."""
    manual = now()
    clock = true_clock or manual
    address = Address("test", ("127.0.0.1",), broker_port)
    place = await asyncio.to_thread(Place.make, folder, clock, address)
    async with await asyncio.to_thread(JoinDesk, place, clock, "127.0.0.1", 0) as desk:
        yield Site(place, desk, manual, folder)
