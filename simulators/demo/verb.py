"""`forecourt demo`: what is asked becomes a demonstration and a report; must never hide that something was lost."""

import asyncio
import contextlib
import dataclasses
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.log import to_stream
from simulators.demo.options import DemoOptions, NoAt, Outage

if TYPE_CHECKING:
    from simulators.demo.guests_report import GuestsTally
    from simulators.demo.report import DemoReport
    from simulators.demo.showroom_report import ShowroomReport

EPILOG = """\b
  forecourt demo                                   watch a drive reach the cloud through an outage
  forecourt demo --replay drive.csv                the same with a recording: field,signal,value,delay
  forecourt demo --withdraw 20:driving_behaviour   the guest says no after 20 seconds
  forecourt demo --showroom                        a guest is led from the parking lot to the car that fits him
  forecourt demo --guests 2                        then guests sign in, each in another model; nothing stays behind
  forecourt demo --broker-port 1883 --plain        then, in another terminal:
    mosquitto_sub -V 5 -p 1883 -t 'forecourt/v1/+/up/#' -v
"""


@click.command(epilog=EPILOG)
@click.option("--headless", is_flag=True, help="No display, only the report at the end.")
@click.option("--duration", type=float, default=60.0, show_default=True, help="Seconds that the drive is played.")
@click.option("--drive-speed", type=float, help="Seconds of the drive in one second [10; a recording fills the time].")
@click.option(
    "--outage", help="START:LENGTH of the outage in seconds [a sixth after the start, for a quarter]; none: no."
)
@click.option("--withdraw", help="SECONDS:PURPOSE: the guest says no, such as 20:driving_behaviour.")
@click.option("--replay", type=click.Path(path_type=Path), help="Play this recording (KUKSA's CSV form).")
@click.option("--vss", type=click.Path(path_type=Path), help="Take types and ranges from this VSS catalogue (JSON).")
@click.option("--broker", "broker_url", help="Use this MQTT 5 broker: mqtt://HOST:PORT.")
@click.option("--broker-port", type=click.IntRange(0, 65_535), default=0, help="Port of the desk broker [any].")
@click.option(
    "--desk-broker",
    "broker_kind",
    type=click.Choice(["auto", "mosquitto", "iotcore"]),
    default="auto",
    show_default=True,
    help="Which broker to start; auto takes mosquitto where it is installed.",
)
@click.option("--plain", is_flag=True, help="Send rows in clear fields, so that protoc --decode shows values.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the packaged drive's road.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the report there as JSON.")
@click.option(
    "--showroom", is_flag=True, help="Another story: a guest walks from the parking lot to the car that fits."
)
@click.option("--guests", type=click.IntRange(0, 4), default=0, help="After the drive, so many guests sign in [none].")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep stores, keys and plan there.")
def demo(
    headless: bool,
    duration: float,
    drive_speed: float | None,
    outage: str | None,
    withdraw: str | None,
    replay: Path | None,
    vss: Path | None,
    broker_url: str | None,
    broker_port: int,
    broker_kind: str,
    plain: bool,
    seed: int,
    report: Path | None,
    showroom: bool,
    guests: int,
    keep: Path | None,
) -> None:
    """Show the whole way of a drive: databroker, agent, outage, cloud, books.

    Everything runs on this machine: a simulated KUKSA databroker plays a drive, the real vehicle agent reads it over
    gRPC, keeps it in its store and sends it through a network that is cut in the middle. At the end the books tell
    what became of every event; the exit code is 0 only if nothing was lost and nothing arrived twice.
    """
    if showroom and guests:
        raise click.UsageError("--showroom and --guests are two stories: leave out one")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # it tells of every connection that ends
    with _folder(keep) as folder:
        if showroom:
            _tell(asyncio.run(_walk(folder, broker_kind, seed, headless)), report)
            return
        options = DemoOptions(
            folder=folder, duration_s=duration, drive_speed=drive_speed, outage=_outage(outage, duration),
            withdraw=NoAt.parse(withdraw) if withdraw is not None else None, replay=replay, vss=vss,
            broker_url=broker_url, broker_port=broker_port, broker_kind=broker_kind, plain=plain, seed=seed,
        )  # fmt: skip
        found = asyncio.run(_run(options, headless))
        if guests:
            found = dataclasses.replace(found, profile=asyncio.run(_guests(options, guests, headless)))
    _tell(found, report)


def _tell(found: "DemoReport | ShowroomReport", report: Path | None) -> None:
    if report is not None:
        found.write(report)
    for line in found.lines():
        click.echo(line)
    if not found.good:
        raise SystemExit(1)


async def _walk(folder: Path, broker_kind: str, seed: int, headless: bool) -> "ShowroomReport":
    from simulators.demo.showroom import run_showroom

    to_stream("error")
    say = (lambda _: None) if headless else click.echo
    return await run_showroom(folder, broker_kind, seed, say)


async def _run(options: DemoOptions, headless: bool) -> "DemoReport":
    from simulators.demo.run import run_demo

    if headless:
        to_stream("error")
        return await run_demo(options)
    from rich.live import Live

    from simulators.demo.display import render

    logging.getLogger("forecourt").addHandler(logging.NullHandler())
    logging.getLogger("forecourt").propagate = False
    with Live(auto_refresh=False) as live:
        return await run_demo(options, lambda view: live.update(render(view), refresh=True))


async def _guests(options: DemoOptions, count: int, headless: bool) -> "GuestsTally":
    from simulators.demo.guests import run_guests
    from simulators.demo.run import broker_endpoint, broker_of

    say = (lambda _: None) if headless else click.echo
    say("")
    async with broker_of(options) as broker:
        return await run_guests(options.folder / "guests", broker_endpoint(broker), count, say)


def _outage(text: str | None, duration_s: float) -> Outage | None:
    if text == "none":
        return None
    return Outage.parse(text) if text is not None else Outage(duration_s / 6, duration_s / 4)


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="forecourt-demo-") as name:
        yield Path(name)
