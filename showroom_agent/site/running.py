"""A site's parts around an agent, as the settings say; must never run beside another on one store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.identity import load_cloud, tls_context
from gateway.link import Endpoint
from gateway.runtime import Agent
from showroom_agent.site.agent import SiteAgent
from showroom_agent.site.broker import floor_broker
from showroom_agent.site.outward import set_aside
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.settings import SiteAgentSettings

JOURNAL = "journal"


@asynccontextmanager
async def on_floor(settings: SiteAgentSettings, agent: Agent) -> AsyncIterator[SiteAgent]:
    """Reads the site, runs the floor's broker where it is asked for. Raises ConfigError."""
    asked = settings.site
    parts = await asyncio.to_thread(SiteParts.load, asked.folder)
    floor = await asyncio.to_thread(load_cloud, asked.floor_identity)
    await asyncio.to_thread(floor.refresh)
    async with AsyncExitStack() as stack:
        url = asked.broker or ""
        if asked.listen is not None:
            broker = await stack.enter_async_context(
                floor_broker(settings.store.folder / "floor", asked.listen, floor.name, asked.certificates)
            )
            url = broker.url
        tls = await asyncio.to_thread(tls_context, floor.tls, agent.clock) if url.startswith("mqtts:") else None
        journal = settings.store.folder / JOURNAL if asked.journal else None
        if journal is not None:
            await asyncio.to_thread(set_aside, journal)
        yield SiteAgent(agent, parts, floor, Endpoint.parse(url, tls), journal=journal, visit_s=asked.visit_s)
