"""Verbs of the cloud's end; must never hold what a back end would want to call."""

import asyncio
import contextlib
import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.cloud_run import run
from gateway.cli.options import BROKER, DB, JSON

if TYPE_CHECKING:
    from gateway.cloud.certify.grade import Grade
    from gateway.identity import Identity
    from gateway.link import Endpoint

FIRST_LOOK = """\b
A first look, on one machine:
  forecourt pki dev pki --device car-1
  forecourt cloud run --identity pki/cloud --broker mqtt://127.0.0.1:1883 --db cloud.db
  forecourt cloud tail --db cloud.db --follow
"""

HOLES = """\b
open         the device may still have it: late, or on its way
untold       the device does not keep it; control records on the way may say why
unexplained  lost, and nobody said so: exit code 1
"""

CERTIFYING = """\b
For example:
  forecourt pki dev pki --device car-1 --device car-2
  forecourt cloud certify --devices pki/devices --broker mqtt://127.0.0.1:1883 \\
    --query 'forecourt cloud explain {device}/{epoch}/{stream} --count --db cloud.db'
"""


@click.group(epilog=FIRST_LOOK)
def cloud() -> None:
    """The cloud's end: take in what devices send, once in effect, and answer with receipts.

    `run` serves and `certify` grades any subscriber; the others read the file beside the running service and change
    nothing.
    """


cloud.add_command(run)


@cloud.command()
@DB
@click.option("--device", help="Only this device.")
@click.option("-n", "--lines", default=10, show_default=True, help="How many of the last events to begin with.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new ones until Ctrl-C.")
@JSON
def tail(db: Path, device: str | None, lines: int, follow: bool, as_json: bool) -> None:
    """Show the last events as they are held: device, stream/number, time, kind, values by path."""
    from gateway.cloud.tail import Tail

    with _beside(db) as connection, contextlib.suppress(KeyboardInterrupt):
        reader = Tail(connection, device)
        reader.skip(but=lines)
        while True:
            found = reader.next()
            for seen in found:
                if as_json:
                    fields = {"device": seen.device, "epoch": seen.epoch, "stream": seen.stream, "seq": seen.seq}
                    more = {"ts_us": seen.ts_us, "kind": seen.kind, "purposes": seen.purposes}
                    click.echo(json.dumps(fields | more | {"values": dict(seen.values)}))
                else:
                    values = "  ".join(f"{path}={value}" for path, value in seen.values)
                    click.echo(f"{seen.device} {seen.stream}/{seen.seq} {_when(seen.ts_us)} {seen.kind}  {values}")
            if not found and not follow:
                return
            if not found:
                time.sleep(0.25)


@cloud.command(epilog=HOLES)
@DB
@click.option("--device", help="Only this device.")
@JSON
def gaps(db: Path, device: str | None, as_json: bool) -> None:
    """Show per stream what is not there: told gaps by reason, and holes."""
    from gateway.cloud.gaps import HoleState, watch

    with _beside(db) as connection:
        found = watch(connection, device)
    for item in found:
        place = f"{item.key.device}/{item.key.epoch}/{item.key.stream.word}"
        holes = {str(state): item.missing(state) for state in HoleState}
        if as_json:
            ranges = [[*hole.numbers, str(hole.state)] for hole in item.holes]
            click.echo(json.dumps({"stream": place, "head": item.head, "told": item.told, **holes, "holes": ranges}))
            continue
        told = "".join(f", {count} {reason}" for reason, count in sorted(item.told.items()))
        click.echo(f"{place}: {item.held} of {item.head} accounted for{told}")
        for hole in item.holes[:20]:
            click.echo(f"  {hole.numbers.first}-{hole.numbers.last} {hole.state}")
        if len(item.holes) > 20:
            click.echo(f"  and {len(item.holes) - 20} holes more")
    if any(item.missing(HoleState.UNEXPLAINED) for item in found):
        sys.exit(1)


@cloud.command()
@DB
@JSON
def fleet(db: Path, as_json: bool) -> None:
    """Show every device: online or not, when it was last heard, its clock, version and abilities."""
    from gateway.cloud.fleet import devices

    with _beside(db) as connection:
        found = devices(connection)
        poison = Counter(dict(connection.execute("select device, count(*) from poison group by device")))
    for item in found:
        clock = item.clock.name.lower() if item.clock else "unknown"
        if as_json:
            fields = {"device": item.device, "online": item.online, "epoch": item.epoch, "connect": item.connect}
            more = {"seen_us": item.seen_us, "clock": clock, "version": item.version, "poison": poison[item.device]}
            click.echo(json.dumps(fields | more | {"capabilities": item.capabilities}))
            continue
        state = "online " if item.online else "offline"
        aside = f", {poison[item.device]} messages put aside" if poison[item.device] else ""
        click.echo(f"{item.device} {state} heard {_when(item.seen_us)}, clock {clock}, {item.version or '-'}{aside}")


@cloud.command()
@click.argument("place", metavar="DEVICE/EPOCH/STREAM/NUMBER")
@DB
@click.option("--count", is_flag=True, help="Print only how many effects are held of it; NUMBER may be left out.")
def explain(place: str, db: Path, count: bool) -> None:
    """Say what became of one number: delivered when, a gap and why, or still open.

    The names are those that `forecourt cloud gaps` and `tail` print. Exit code 1 when the number is lost.
    """
    from gateway.cloud import explain as explaining

    with _beside(db) as connection:
        key, number = explaining.parse_place(place)
        if count or number is None:
            click.echo(explaining.effects(connection, key, number))
            return
        found = explaining.explain(connection, key, number)
    when = f" at {_when(found.at_us)}" if found.at_us is not None else ""
    click.echo(f"{found.state}{when}: {found.text}")
    if found.rows > 1:
        click.echo(f"it is held {found.rows} times")
    if found.state == "unexplained" or found.rows > 1:
        sys.exit(1)


@cloud.command(epilog=CERTIFYING)
@BROKER
@click.option(
    "--devices",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with two or more devices' keys that the subscriber knows: PKI/devices of `forecourt pki dev`.",
)
@click.option("--patience", default=10.0, show_default=True, metavar="SECONDS", help="How long a receipt may take.")
@click.option(
    "--query", metavar="COMMAND", help="Prints how many effects are held; {device} {epoch} {stream} are filled in."
)
@click.option("--restart", metavar="COMMAND", help="Ends and starts the subscriber, so that a replay can be graded.")
@JSON
def certify(broker: str, devices: Path, patience: float, query: str | None, restart: str | None, as_json: bool) -> None:
    """Play a difficult fleet against any subscriber on the broker, and grade it.

    Judged are its receipts alone, and with --query the number of effects it holds. Exit code 1 when a case fails.
    """
    from gateway.identity.keystore import load

    found = sorted(path for path in devices.iterdir() if path.is_dir())
    if len(found) < 2:
        raise click.UsageError(f"{devices} holds {len(found)} devices; two are needed: forecourt pki dev --help")
    identities = [load(path) for path in found[:2]]
    grades = asyncio.run(_certify(broker, identities, patience, query, restart, as_json))
    failed = sum(bool(grade.wrong) for grade in grades)
    if not as_json:
        click.echo(f"{len(grades) - failed} of {len(grades)} cases passed")
    if failed:
        sys.exit(1)


async def _certify(
    broker: str,
    identities: "list[Identity]",
    patience_s: float,
    query: str | None,
    restart: str | None,
    as_json: bool,
) -> "list[Grade]":
    from gateway.clock import SystemClock
    from gateway.cloud.certify.grade import certify as play
    from gateway.cloud.certify.outside import counter, runner
    from gateway.identity import tls_context
    from gateway.link import Endpoint

    def endpoint(identity: "Identity") -> "Endpoint":
        return Endpoint.parse(broker, tls_context(identity.tls, SystemClock()) if broker.startswith("mqtts:") else None)

    def show(grade: "Grade") -> None:
        if as_json:
            fields = {"area": grade.area, "asks": grade.asks, "passed": not grade.wrong}
            click.echo(json.dumps(fields | {"wrong": grade.wrong, "seconds": round(grade.seconds, 3)}))
        else:
            verdict = "ok" if not grade.wrong else f"FAILED  {grade.wrong}"
            click.echo(f"{grade.area:<9} {grade.asks:<42} {grade.seconds:5.1f} s  {verdict}")

    return await play(
        identities,
        endpoint,
        patience_s=patience_s,
        count=counter(query) if query else None,
        restart=runner(restart) if restart else None,
        on_grade=show,
    )


def _when(at_us: int) -> str:
    try:
        return datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
    except (OverflowError, ValueError):
        return f"{at_us} us"


@contextmanager
def _beside(db: Path) -> Iterator[sqlite3.Connection]:
    from gateway.cloud.schema import open_beside

    try:
        with closing(open_beside(db)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise click.ClickException(
            f"{db} cannot be read: {error}. Is it the --db of a `forecourt cloud run`?"
        ) from error
