"""A fleet with what it needs around it: broker and cloud where none was named; must never count what it can audit."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.clock import SystemClock
from gateway.cloud import Cloud, Inbox
from gateway.cloud.audit import audit
from gateway.cloud.schema import open_beside
from gateway.errors import ConfigError, ForecourtError
from gateway.identity import load_cloud
from gateway.identity.pki import Pki, make_dev_pki
from gateway.link import Endpoint
from simulators.brokers import desk_broker
from simulators.fleet import DRAIN_S, Fleet, FleetReport
from simulators.vehicles import Vehicles, endpoints

STATUS_S: Final = 5.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """What `forecourt sim fleet` was asked for. Stores lie in `folder`; with a `pki` the cloud runs elsewhere."""

    folder: Path
    vehicles: int = 10
    duration_s: float = 60.0
    speed: float = 1.0
    broker_url: str | None = None
    pki: Path | None = None
    seed: int = 1
    drain_s: float = DRAIN_S

    def __post_init__(self) -> None:
        if (self.broker_url is None) != (self.pki is None):
            raise ConfigError(
                "give both --broker and --pki for a cloud of yours, or neither for broker and cloud of our own"
            )


async def run_fleet(options: FleetOptions, say: Say, stop: asyncio.Event) -> bool:
    """Runs it to the end, or until `stop`; says the books. Whether all is well. Raises ForecourtError."""
    folder = options.folder
    devices = [f"sim-{number:04d}" for number in range(options.vehicles)]
    pki = await asyncio.to_thread(make_dev_pki, options.pki or folder / "pki", devices)
    if options.broker_url is not None:
        report, lost = await _drive(options, pki, devices, options.broker_url, say, stop), False
    else:
        async with _cloud(folder, pki, say) as url:
            report = await _drive(options, pki, devices, url, say, stop)
        lost = await asyncio.to_thread(_say_cloud, folder / "cloud.db", report, say)
    _say_books(report, say)
    return report.good and not lost


async def _drive(
    options: FleetOptions, pki: Pki, devices: list[str], url: str, say: Say, stop: asyncio.Event
) -> FleetReport:
    clock = await asyncio.to_thread(SystemClock)
    Endpoint.parse(url.replace("mqtts:", "mqtt:", 1))  # a mistake in it is told now, not by each vehicle
    make = await asyncio.to_thread(
        Vehicles, options.folder / "vehicles", pki, devices, endpoints(url, clock), options.speed, options.seed
    )
    fleet = Fleet(make, options.vehicles, drain_s=options.drain_s)
    async with asyncio.TaskGroup() as group:
        beside = [
            group.create_task(_end(fleet, stop), name="stop"),
            group.create_task(_tell(fleet, say), name="status"),
        ]
        report = await fleet.run(options.duration_s)
        for task in beside:
            task.cancel()
    return report


async def _end(fleet: Fleet, stop: asyncio.Event) -> None:
    await stop.wait()
    fleet.end()


async def _tell(fleet: Fleet, say: Say) -> None:
    while True:
        await asyncio.sleep(STATUS_S)
        books = []
        for member in list(fleet.running.values()):
            with contextlib.suppress(ForecourtError):  # it may close meanwhile
                books.append(await member.books())
        kept, waiting = sum(one.appended for one in books), sum(one.pending for one in books)
        say(f"{len(books)} vehicles: {kept} events kept, {waiting} wait; {len(fleet.report.failures)} failed")


@asynccontextmanager
async def _cloud(folder: Path, pki: Pki, say: Say) -> AsyncIterator[str]:
    """A desk broker with a cloud beside it; yields the broker's URL."""
    clock = await asyncio.to_thread(SystemClock)
    async with desk_broker() as broker:
        who = await asyncio.to_thread(load_cloud, pki.cloud)
        inbox = await Inbox.open(folder / "cloud.db", who.device_key, clock=clock)
        try:
            endpoint = Endpoint(broker.host, broker.port, clean_start=broker.clean_start)
            cloud = Cloud(who, endpoint, inbox, clock=clock)
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(cloud.run(), name="cloud")
                await cloud.ready.wait()
                say(f"{broker.name} on {broker.url}; link security: {broker.security}")
                yield broker.url
                serving.cancel()
        finally:
            await inbox.aclose()


def _say_cloud(path: Path, report: FleetReport, say: Say) -> bool:
    """Counts the cloud's rows; whether something is lost, twice, or missing without a word."""
    db: sqlite3.Connection = open_beside(path)
    with contextlib.closing(db):
        found = audit(db)
    effects, duplicates = sum(one.effects for one in found), sum(one.duplicates for one in found)
    missing = sum(part.size for one in found for part in one.missing)
    books = report.total
    explained = books.evicted + books.expired + books.purged + books.quarantined
    lost = books.appended - explained - books.pending - (effects - duplicates)
    say(f"cloud    {effects} effects, {duplicates} duplicates, {missing} unexplained gaps, {lost} lost")
    return bool(duplicates or missing or lost)


def _say_books(report: FleetReport, say: Say) -> None:
    for number, why in sorted(report.failures.items()):
        say(f"vehicle {number} failed: {why}")
    if report.undrained:
        say(f"vehicles that still hold events: {', '.join(map(str, sorted(report.undrained)))}")
    b = report.total
    gone = f"{b.evicted} evicted + {b.expired} expired + {b.purged} purged + {b.quarantined} quarantined"
    say(f"books    {b.appended} appended = {b.settled} settled + {b.pending} pending + {gone}")
    say(f"verdict  {len(report.books)} of {report.count} vehicles ended {'well' if report.good else 'NOT WELL'}")
