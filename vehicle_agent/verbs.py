"""`forecourt vehicle`: verbs of a head unit; must never contain logic."""

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vehicle_agent.verbs_guest import guest

if TYPE_CHECKING:
    from vehicle_agent.plan import PlanFile
    from vehicle_agent.settings import VehicleAgentSettings
    from vehicle_agent.source import SignalSource

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FIRST_STEPS = """\b
A first look, without a car, in three terminals:
  forecourt pki dev pki --device car-1
  forecourt sim databroker                     a databroker that replays a drive
  forecourt vehicle run --config car.toml      with the settings of `forecourt check --help`
"""
RUNNING = """\b
The log says what is connected and which signals are missing; with health.port set in the file,
  curl http://127.0.0.1:PORT/ready             is it doing its work?
  curl http://127.0.0.1:PORT/metrics           the books, in numbers
SIGTERM ends it within seconds; what was accepted is on disk already, so a kill loses nothing either.
"""
PLANS = """\b
A plan is a list of events:
  [[event]]
  name = "motion"
  signals = ["Vehicle.Speed", "Vehicle.Acceleration.Longitudinal"]
  on_change = true                             or rate_hz = 1, or on_enter = true
  purposes = ["driving_behaviour"]
  when = "Vehicle.Speed > 0"
The packaged plan is a good beginning: forecourt vehicle plan show > plan.toml
"""


@click.group(epilog=FIRST_STEPS)
def vehicle() -> None:
    """Head unit: read vehicle signals from a KUKSA databroker, keep them, carry them to the cloud."""


@vehicle.command(epilog=RUNNING)
@click.option("--config", required=True, type=FILE, help="Settings (TOML); `forecourt check FILE` checks them.")
@click.option("--broker", metavar="URL", help="Instead of link.broker.")
@click.option("--databroker", metavar="HOST:PORT", help="Instead of databroker.address.")
@click.option("--plan", type=FILE, help="Instead of vehicle.plan.")
@click.option("--health-port", type=click.IntRange(0, 65_535), help="Instead of health.port.")
def run(config: Path, broker: str | None, databroker: str | None, plan: Path | None, health_port: int | None) -> None:
    """Run the agent of a head unit until it is told to end."""
    from gateway import log
    from gateway.config import load, replaced
    from vehicle_agent.plan import PlanFile
    from vehicle_agent.settings import VehicleAgentSettings
    from vehicle_agent.source import open_source

    settings = replaced(
        load(VehicleAgentSettings, config),
        link={"broker": broker},
        databroker={"address": databroker},
        vehicle={"plan": plan},
        health={"port": health_port},
    )
    log.to_stream(settings.log.level.value, as_json=settings.log.json)
    plan_file = PlanFile.read(settings.vehicle.plan)
    asyncio.run(_run(settings, open_source(settings), plan_file))


async def _run(settings: "VehicleAgentSettings", source: "SignalSource", plan: "PlanFile") -> None:
    from gateway.clock import SystemClock
    from gateway.runtime import Agent, options_of
    from gateway.tasks import until_signal
    from vehicle_agent.agent import VehicleAgent
    from vehicle_agent.cabin import CabinHouse, open_cabin
    from vehicle_agent.guest_profile import open_guest_profile
    from vehicle_agent.metrics import observe

    options = await asyncio.to_thread(lambda: options_of(settings, SystemClock()))
    cabin = await open_cabin(settings, options.clock)
    options = dataclasses.replace(options, profiles=cabin is not None and options.authority)
    async with until_signal(), Agent.open(options) as agent:
        reader = VehicleAgent(agent, source, plan, in_flight_events=settings.vehicle.in_flight_events)
        observe(agent.health, reader)
        parts = [reader.run]
        if cabin is not None:
            house = CabinHouse(cabin, agent.desk)
            house.observe(agent.health)
            parts.append(house.run)
            profile = await open_guest_profile(agent, cabin, settings.cabin)
            parts += [profile.run] if profile is not None else []
        await agent.run(*parts)


vehicle.add_command(guest)


@vehicle.group("plan", epilog=PLANS)
def plan_group() -> None:
    """Plans: which signals become which events, when, and for what."""


@plan_group.command()
@click.argument("file", type=FILE, required=False)
@click.option("--databroker", metavar="HOST:PORT", help="Also ask this databroker which signals it has.")
@click.option("--config", type=FILE, help="Settings whose databroker (TLS, token) is asked.")
def check(file: Path | None, databroker: str | None, config: Path | None) -> None:
    """Check FILE (none: the packaged plan): every mistake at once, each with its line and what would do.

    Exit code 0: good; 1: good, but the databroker lacks signals; 2: mistakes.
    """
    from vehicle_agent.plan import PlanFile

    plan = PlanFile.read(file)
    name = file or "the packaged plan"
    click.echo(f"{name}: good; {len(plan.plan.event)} events of {len(plan.plan.paths)} signals")
    if databroker is None and config is None:
        return
    missing = asyncio.run(_missing(plan, databroker, config))
    for line in missing:
        click.echo(line)
    if missing:
        raise click.exceptions.Exit(1)
    click.echo("the databroker has them all")


async def _missing(plan: "PlanFile", databroker: str | None, config: Path | None) -> list[str]:
    from contextlib import aclosing

    from gateway.config import load
    from vehicle_agent.kuksa import KuksaSource
    from vehicle_agent.settings import DatabrokerSettings, VehicleAgentSettings

    settings = (
        (await asyncio.to_thread(load, VehicleAgentSettings, config)).databroker if config else DatabrokerSettings()
    )
    if databroker is not None:
        settings = dataclasses.replace(settings, address=databroker)
    async with aclosing(KuksaSource(settings)) as source:
        known = await source.describe(plan.plan.paths)
    return [str(problem) for problem in plan.check(known)]


@plan_group.command()
def show() -> None:
    """Print the packaged plan, to begin your own with."""
    from importlib.resources import files

    click.echo((files("vehicle_agent") / "plans" / "default.toml").read_text("utf-8"), nl=False)
