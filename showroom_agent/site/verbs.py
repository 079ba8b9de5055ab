"""`forecourt site run` and `replay`; must never contain logic."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from showroom_agent.site.settings import SiteAgentSettings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
RUNNING = """\b
Settings of a site (all of them: forecourt check --reference):
  role = "site"
  [device]
  id = "site-1"                        towards the cloud
  identity = "pki/devices/site-1"
  [store]
  folder = "store"
  [link]
  broker = "mqtts://cloud.example:8883"
  [site]
  folder = "site"                      site.geojson, survey.csv, catalogue.toml, presence.json (see train-presence)
  floor_identity = "site/pki/cloud"    towards hubs and phones
  listen = 8883
  certificates = "site/pki/broker"
"""


@click.command(epilog=RUNNING)
@click.option("--config", required=True, type=FILE, help="Settings (TOML); `forecourt check FILE` checks them.")
@click.option("--broker", metavar="URL", help="Instead of link.broker.")
@click.option("--health-port", type=click.IntRange(0, 65_535), help="Instead of health.port.")
def run(config: Path, broker: str | None, health_port: int | None) -> None:
    """Locate, guide and match the guests of a showroom until told to end."""
    from gateway import log
    from gateway.config import load, replaced
    from showroom_agent.site.settings import SiteAgentSettings

    settings = replaced(load(SiteAgentSettings, config), link={"broker": broker}, health={"port": health_port})
    log.to_stream(settings.log.level.value, as_json=settings.log.json)
    asyncio.run(_serve(settings))


async def _serve(settings: "SiteAgentSettings") -> None:
    from gateway.clock import SystemClock
    from gateway.runtime import Agent, options_of
    from gateway.tasks import until_signal
    from showroom_agent.site.running import on_floor

    options = await asyncio.to_thread(lambda: options_of(settings, SystemClock()))
    async with until_signal(), Agent.open(options) as agent, on_floor(settings, agent) as site:
        await agent.run(site.run)


@click.command()
@click.argument("file", type=FILE)
@click.option("--site", "folder", required=True, type=FOLDER, help="Folder of the site, as it was then.")
@click.option("--json", "as_json", is_flag=True, help="Whole events, one JSON object a line.")
def replay(file: Path, folder: Path, as_json: bool) -> None:
    """Tell again what a site told, from its journal: the same events, bit for bit; their digest comes last."""
    import hashlib

    from showroom_agent.site.journal import read_journal
    from showroom_agent.site.parts import SiteParts
    from showroom_agent.site.replay import replay as events_of
    from showroom_agent.site.tell import line_of

    digest, count = hashlib.sha256(), 0
    for one in events_of(SiteParts.load(folder), read_journal(file)):
        count += 1
        digest.update(repr(one).encode())
        click.echo(line_of(one, as_json=as_json))
    click.echo(f"{count} events, sha256 {digest.hexdigest()}", file=sys.stderr)
