"""A site's parts around an agent, as the settings say; must never run beside another on one store."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.door import Door
from gateway.errors import ConfigError
from gateway.identity import load_cloud, tls_context
from gateway.link import Endpoint
from gateway.log import Log
from gateway.runtime import Agent
from showroom_agent.nav import Router
from showroom_agent.site.agent import SiteAgent
from showroom_agent.site.broker import floor_broker
from showroom_agent.site.moved_hubs import Memory
from showroom_agent.site.outward import set_aside
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.settings import SiteAgentSettings

JOURNAL, HEARD, MAP, MAP_VERB = "journal", "heard.json", "map.sock", "map"
PROBLEMS_MAX = 20
log = Log("site")


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
        await asyncio.to_thread(tell_problems, parts)
        site = SiteAgent(agent, parts, floor, Endpoint.parse(url, tls), journal=journal, visit_s=asked.visit_s)
        memory = Memory(settings.store.folder / HEARD, site.stepper.core)
        await asyncio.to_thread(memory.load)
        site.beside.append(memory.run)
        await _show_map(stack, settings.store.folder / MAP, site)
        yield site


def tell_problems(parts: SiteParts) -> int:
    """Logs what guests would meet on this plan, no exit or a car that cannot be reached; how many. Blocks.

    The site runs all the same: whoever stands in the showroom wants to be located and matched meanwhile.
    """
    problems = Router(parts.floor).problems()
    for one in problems[:PROBLEMS_MAX]:
        log.warning(
            "plan_problem", why=one.why.value, place=one.target, hint="`forecourt site route --check` says more"
        )
    return len(problems)


async def _show_map(stack: AsyncExitStack, path: Path, site: SiteAgent) -> None:
    """Answers `forecourt site map` of this user; a site goes on without it."""

    async def answer(_: Mapping[str, Any]) -> Any:
        return site.state().as_json()

    try:
        door = await stack.enter_async_context(Door(path, {MAP_VERB: answer}))
    except ConfigError as error:
        log.warning("no_map", error=str(error))
        return
    site.beside.append(door.run)
