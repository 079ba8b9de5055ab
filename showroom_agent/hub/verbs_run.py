"""`forecourt hub run`; must never contain logic."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from showroom_agent.hub.settings import HubAgentSettings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
RUNNING = """\b
Settings of a hub (all of them: forecourt check --reference):
  role = "hub"
  [device]
  id = "hub-1"                        as the floor plan names it
  identity = "pki/devices/hub-1"
  [hub]
  tags = "tags.toml"
  folder = "/var/lib/forecourt"
  [link]
  broker = "mqtts://site.example:8883"
\b
On a desk without a radio: forecourt sim bluez -- forecourt hub run --config hub.toml
With health.port set, http://127.0.0.1:PORT/ready says whether it listens and, if not, why.
"""


@click.command(epilog=RUNNING)
@click.option("--config", required=True, type=FILE, help="Settings (TOML); `forecourt check FILE` checks them.")
@click.option("--broker", metavar="URL", help="Instead of link.broker.")
@click.option("--adapter", metavar="hciN", help="Instead of hub.adapter.")
@click.option("--health-port", type=click.IntRange(0, 65_535), help="Instead of health.port.")
def run(config: Path, broker: str | None, adapter: str | None, health_port: int | None) -> None:
    """Listen, and tell the site twice a second which tags are heard, until told to end."""
    from gateway import log
    from gateway.config import load, replaced
    from showroom_agent.hub.settings import HubAgentSettings

    settings = replaced(
        load(HubAgentSettings, config), link={"broker": broker}, hub={"adapter": adapter}, health={"port": health_port}
    )
    log.to_stream(settings.log.level.value, as_json=settings.log.json)
    asyncio.run(serve(settings))


async def serve(settings: "HubAgentSettings") -> None:
    """Runs a hub until SIGTERM or SIGINT. Raises ConfigError."""
    from gateway.clock import SystemClock
    from gateway.health import Health
    from gateway.runtime import reach
    from gateway.tasks import until_signal
    from showroom_agent.hub.agent import HubAgent

    clock = await asyncio.to_thread(SystemClock)
    found = await asyncio.to_thread(reach, settings.device, settings.link, clock, settings.hub.folder)
    async with until_signal() as group, Health(settings.health.port, settings.health.host) as page:
        agent = await asyncio.to_thread(HubAgent, settings.hub, found, clock, page)
        group.create_task(agent.run(), name="hub")
        await asyncio.get_running_loop().create_future()
