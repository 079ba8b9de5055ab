"""`forecourt sim`: verbs of the simulators; must never contain logic."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from simulators.bluez.verb import bluez
from simulators.openid.verb import openid, sign_in
from simulators.verbs_guest_app import guest_app

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PORT = click.IntRange(0, 65_535)
FIRST_STEPS = """\b
A vehicle without a car, in four terminals:
  forecourt sim broker                          MQTT on 127.0.0.1:1883
  forecourt sim databroker                      KUKSA on 127.0.0.1:55555, a drive plays
  forecourt sim proxy 127.0.0.1:1883 -p 1884    a network that can fail: type cut, heal
  forecourt vehicle run --config car.toml --broker mqtt://127.0.0.1:1884
\b
All of it at once, with the cloud's end and a count of what arrived:
  forecourt demo
"""
DATABROKER = """\b
  forecourt sim databroker --speed 10 --seed 7             the packaged drive, faster, on another road
  forecourt sim databroker --replay drive.csv --once       a recording: field,signal,value,delay
  forecourt sim databroker --vss vss.json --no-drive       only the signals; publish yourself:
    kuksa-client grpc://127.0.0.1:55555
While it runs in a terminal: p and Enter pauses, g goes on.
"""
PROXY = """\b
  forecourt sim proxy 127.0.0.1:1883 --latency 80 --jitter 30     a mobile network
  forecourt sim proxy 127.0.0.1:1883 --at 10 cut --at 25 heal     an outage of 15 s
  forecourt sim proxy 127.0.0.1:1883 --at 5 hole                  everything vanishes, connections stay
Steps, also typed while it runs: cut, heal, hole, reset, latency MS, jitter MS, rate KBIT, slice BYTES.
"""
DRIVE = """\b
  forecourt sim drive                        the packaged drive: signals, counts, ranges
  forecourt sim drive --replay drive.csv     the same of a recording, and which rows cannot be read
  forecourt sim drive --seed 7 --out my.csv  write it as a recording
"""
FLEET = """\b
  forecourt sim fleet --vehicles 20 --duration 60      broker and cloud included; the books at the end
  forecourt sim fleet --vehicles 50 --pki pki --broker mqtt://127.0.0.1:1883
    beside a cloud of yours: forecourt cloud run --identity pki/cloud
"""
HEAD_UNIT = """\b
  forecourt sim head-unit --card suv                        a databroker and a parked car with a guest in it
  forecourt sim head-unit --card city --databroker 127.0.0.1:55555 --no-parked
  kuksa-client grpc://127.0.0.1:55555                       reads values, presses switches: setValue PATH true
While it runs in a terminal: speed 30, park, press IsForwardSwitchEngaged, turn PATH VALUE, stall PATH, show.
"""
SCOPES = """\b
  forecourt sim token desk.key 'read:Vehicle' > car.jwt       makes desk.key and desk.key.pub when they are missing
  forecourt sim databroker --token-key desk.key.pub
  forecourt vehicle run …                                     with databroker.token = "car.jwt"
Scopes: read, provide, actuate, each for all or :PATH for a signal or branch; several with spaces.
"""


@click.group(epilog=FIRST_STEPS)
def sim() -> None:
    """Simulated vehicles, brokers, networks and fleets: the parts that are missing on a desk."""


sim.add_command(bluez)
sim.add_command(guest_app)
sim.add_command(openid)
sim.add_command(sign_in)


@sim.command(epilog=DATABROKER)
@click.option("-p", "--port", type=PORT, default=55_555, show_default=True, help="0: any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--vss", type=FILE, help="A catalogue: the JSON of `vspec export json` [the packaged drive's signals].")
@click.option("--replay", type=FILE, help="Play this recording [the packaged drive, WLTC Class 3b].")
@click.option("--drive/--no-drive", default=True, help="Play something at all.")
@click.option("--speed", type=click.FloatRange(0.001, 100_000), default=1.0, show_default=True, help="Times as fast.")
@click.option("--once", is_flag=True, help="End with the drive, instead of beginning again.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the packaged drive's road.")
@click.option("--tls", type=(FILE, FILE), metavar="CERT KEY", help="Certificate chain and key (PEM).")
@click.option("--token-key", type=FILE, help="Public key (PEM): every call has to show a token signed with it.")
def databroker(**asked: Any) -> None:
    """Serve signals as a KUKSA databroker does, and play a drive into it."""
    from simulators.serving import DatabrokerOptions, serve_databroker

    _run(lambda stop: serve_databroker(DatabrokerOptions(**asked), click.echo, stop))


@sim.command(epilog=DRIVE)
@click.option("--replay", type=FILE, help="A recording instead of the packaged drive.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the packaged drive's road.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there as a recording.")
def drive(replay: Path | None, seed: int, out: Path | None) -> None:
    """Show what a drive holds, or write it to a file."""
    from simulators.drives import open_drive, save_csv, summaries

    found = open_drive(replay, seed)
    if out is not None:
        save_csv(found, out)
    rows = summaries(found.make())
    count = sum(row.count for row in rows)
    click.echo(f"{found.name}: {count} readings of {len(rows)} signals in {found.length_s:g} s")
    for row in rows:
        span = "" if row.low is None else f"{row.low:g} .. {row.high:g}"
        click.echo(f"{row.count:>8}  {row.path:<66} {span or row.first}")
    for problem in found.problems:
        click.echo(f"left out {problem}")
    if found.bad_rows > len(found.problems):
        click.echo(f"and {found.bad_rows - len(found.problems)} rows more")


@sim.command(epilog=PROXY)
@click.argument("target", metavar="HOST:PORT")
@click.option("-p", "--port", type=PORT, default=0, show_default=True, help="Port to listen on; 0: any.")
@click.option("--latency", type=click.FloatRange(0, 60_000), default=0.0, metavar="MS", help="Each way.")
@click.option("--jitter", type=click.FloatRange(0, 60_000), default=0.0, metavar="MS", help="More or less than that.")
@click.option("--rate", type=click.FloatRange(1), metavar="KBIT", help="Kilobits per second, each way.")
@click.option("--slice", "slice_bytes", type=click.IntRange(1), metavar="BYTES", help="Pass pieces of that size.")
@click.option("--at", "script", type=(float, str), metavar="S STEP", multiple=True, help="Do STEP after S seconds.")
def proxy(
    target: str, port: int, latency: float, jitter: float, rate: float | None, slice_bytes: int | None,
    script: tuple[tuple[float, str], ...],
) -> None:  # fmt: skip
    """Forward TCP to HOST:PORT through a network that fails as it is told."""
    from simulators.proxy import Toxics
    from simulators.serving import serve_proxy

    host, _, number = target.rpartition(":")
    if not host or not number.isdecimal():
        raise click.BadParameter("write HOST:PORT", param_hint="HOST:PORT")
    bytes_s = rate * 125 if rate else None
    toxics = Toxics(latency_s=latency / 1_000, jitter_s=jitter / 1_000, rate_bytes_s=bytes_s, slice_bytes=slice_bytes)
    _run(lambda stop: serve_proxy((host.strip("[]"), int(number)), port, toxics, script, click.echo, stop))


@sim.command()
@click.option("-p", "--port", type=PORT, default=1_883, show_default=True, help="0: any.")
@click.option(
    "--prefer",
    type=click.Choice(["auto", "mosquitto", "iotcore"]),
    default="auto",
    show_default=True,
    help="auto takes mosquitto where it is installed.",
)
def broker(port: int, prefer: str) -> None:
    """Run an MQTT 5 broker for a desk: this machine only, no certificates, nothing kept.

    For a deployment see deploy/mosquitto.
    """
    from simulators.serving import serve_broker

    _run(lambda stop: serve_broker(port, prefer, click.echo, stop))


@sim.command(epilog=FLEET)
@click.option("-n", "--vehicles", type=click.IntRange(1, 1_000), default=10, show_default=True, help="How many.")
@click.option("--duration", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds, after the start.")
@click.option("--speed", type=click.FloatRange(0.001, 1_000), default=1.0, show_default=True, help="Times as fast.")
@click.option("--broker", "broker_url", metavar="URL", help="mqtt://HOST:PORT or mqtts://… [one of our own].")
@click.option(
    "--pki",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of `forecourt pki dev`, where the vehicles are added; the cloud runs elsewhere.",
)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Keep the stores there.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of roads and guests.")
def fleet(
    vehicles: int, duration: float, speed: float, broker_url: str | None, pki: Path | None, folder: Path | None,
    seed: int,
) -> None:  # fmt: skip
    """Run many vehicles in one process: real agents with stores and links of their own, each on its own road."""
    from simulators.fleet_run import FleetOptions, run_fleet
    from simulators.serving import kept_or_gone

    good: list[bool] = []
    with kept_or_gone(folder, "forecourt-fleet-") as place:
        options = FleetOptions(
            folder=place, vehicles=vehicles, duration_s=duration, speed=speed, broker_url=broker_url, pki=pki, seed=seed
        )

        async def run(stop: asyncio.Event) -> None:
            good.append(await run_fleet(options, click.echo, stop))

        _run(run)
    if not all(good):
        raise SystemExit(1)


@sim.command("head-unit", epilog=HEAD_UNIT)
@click.option("--card", default="suv", show_default=True, help="Name or file of a vehicle card.")
@click.option("--databroker", default="", metavar="HOST:PORT", help="Serve this one [one of its own].")
@click.option("-p", "--port", type=PORT, default=55_555, show_default=True, help="Of its own databroker; 0: any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of its own databroker.")
@click.option("--parked/--no-parked", default=True, help="Tell that the car is parked; no: something else tells.")
@click.option("--missing", multiple=True, metavar="PATH", help="Build the car without this actuator.")
def head_unit(**asked: Any) -> None:
    """Serve the actuators of a car's cabin: travel times, switches, knobs, and what may go wrong."""
    from simulators.headunit.serving import HeadUnitOptions, serve_head_unit

    _run(lambda stop: serve_head_unit(HeadUnitOptions(**asked), click.echo, stop))


@sim.command(epilog=SCOPES)
@click.argument("key", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("scope")
@click.option("--hours", type=click.FloatRange(0.001), default=24.0, show_default=True, help="How long it is valid.")
def token(key: Path, scope: str, hours: float) -> None:
    """Print a token for the databroker, signed with KEY."""
    from simulators.databroker.tokens import desk_key, issue

    click.echo(issue(desk_key(key), scope, valid_s=hours * 3_600))


def _run(serve: Any) -> None:
    """Runs until SIGINT or SIGTERM."""

    async def main() -> None:
        from gateway.tasks import signalled

        async with signalled() as stop:
            serving: Coroutine[Any, Any, None] = serve(stop)
            await serving

    asyncio.run(main())
