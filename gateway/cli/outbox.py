"""`forecourt outbox`: what a device still holds; must never write to its store."""

import csv
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import click

FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
STREAM = click.option(
    "--stream",
    type=click.Choice(["urgent", "live", "bulk", "control"]),
    help="Only this stream.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
LAW = "appended = settled + pending + evicted + expired + purged + quarantined"
EPILOG = """\b
FOLDER is the agent's folder (store.folder of its settings). For example:
  forecourt outbox stats var/car-1
  forecourt outbox peek var/car-1 --stream live
  forecourt outbox export var/car-1 --values --format csv > events.csv
"""


@click.group(epilog=EPILOG)
def outbox() -> None:
    """Look at what a device still holds. Reads only; a running agent goes on undisturbed."""


@outbox.command()
@FOLDER
@AS_JSON
def stats(folder: Path, as_json: bool) -> None:
    """Streams, their numbers and bytes, and whether the books balance (exit code 1 when they do not)."""
    from gateway.outbox import inspect

    with closing(_connection(folder)) as db:
        look = inspect.stats(db)
    if as_json:
        found = asdict(look)
        found["streams"] = [{**one, "stream": one["stream"].word} for one in found["streams"]]
        click.echo(json.dumps(found))
    else:
        click.echo(f"device {look.device}, epoch {look.epoch:x}, {look.signals} signals in {look.shapes} shapes")
        head = (
            "stream",
            "appended",
            "settled",
            "pending",
            "evicted",
            "expired",
            "purged",
            "quarantined",
            "bags",
            "bytes",
        )
        click.echo(" ".join(f"{word:>11}" for word in head))
        for one in look.streams:
            numbers = [*asdict(one.books).values(), one.bags, one.bytes]
            click.echo(" ".join(f"{word!s:>11}" for word in (one.stream.word, *numbers)))
        click.echo(f"set apart: {look.quarantined_bags} bags")
    balanced = all(one.books.balanced for one in look.streams)
    if not as_json:
        click.echo(f"books balance: {LAW}" if balanced else f"THE BOOKS DO NOT BALANCE: {LAW}")
    sys.exit(0 if balanced else 1)


@outbox.command()
@FOLDER
@STREAM
@click.option("--after", type=click.IntRange(0), default=0, help="Only numbers above this one.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many bags.")
@AS_JSON
def peek(folder: Path, stream: str | None, after: int, limit: int, as_json: bool) -> None:
    """The next bags: numbers, purposes, sizes; no content."""
    with closing(_connection(folder)) as db:
        for bag in islice(_described(db, stream, after), limit):
            if as_json:
                click.echo(json.dumps(bag))
            else:
                purposes = ", ".join(bag["purposes"]) or "-"
                numbers = f"{bag['first']}..{bag['last']}"
                click.echo(f"{bag['stream']:>8} {numbers:>24} {bag['bytes']:>8} bytes  {bag['state']}  {purposes}")


@outbox.command()
@FOLDER
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@AS_JSON
def gaps(folder: Path, limit: int, as_json: bool) -> None:
    """Numbers that will never reach the cloud, and why."""
    from gateway.outbox import inspect

    with closing(_connection(folder)) as db:
        for gap in inspect.gaps(db, limit):
            if as_json:
                click.echo(json.dumps(gap))
            else:
                numbers = f"{gap['first']}..{gap['last']}"
                click.echo(f"{gap['stream']:>8} {numbers:>24} {gap['events']:>8} events  {gap['reason']}")


@outbox.command()
@FOLDER
@STREAM
@click.option("--after", type=click.IntRange(0), default=0, help="Only numbers above this one.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--values", is_flag=True, help="Open the bags with the keyring of FOLDER: events of guests, in clear.")
def export(folder: Path, stream: str | None, after: int, form: str, values: bool) -> None:
    """Write all bags to standard output: what they are, or with --values what they hold.

    Values are personal data; this needs to be able to read the keyring, which only the agent's user and root can.
    Bags whose key is gone, and those of hardware keys, come without values.
    """
    with closing(_connection(folder)) as db:
        rows = _opened(db, folder, stream, after) if values else _described(db, stream, after)
        if form == "jsonl":
            for row in rows:
                click.echo(json.dumps(row))
            return
        columns = ["stream", "seq", "ts_us", "received_ms", "kind", "subject", "purposes", "values"]
        if not values:
            columns = ["stream", "first", "last", "events", "guest", "purposes", "codec", "bytes", "expires", "state"]
        writer = csv.DictWriter(sys.stdout, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            flat = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in row.items()}
            writer.writerow({**flat, "purposes": " ".join(row["purposes"])})


def _connection(folder: Path) -> sqlite3.Connection:
    from gateway.store.file import inspect_only

    return inspect_only(folder)


def _described(db: sqlite3.Connection, stream: str | None, after: int) -> Iterator[dict[str, Any]]:
    from gateway.outbox import inspect

    return (inspect.described(*bag) for bag in inspect.bags(db, _streams(stream), after))


def _opened(db: sqlite3.Connection, folder: Path, stream: str | None, after: int) -> Iterator[dict[str, Any]]:
    from gateway.consent.beside import keys_of
    from gateway.outbox import inspect

    reader = inspect.Reader(db, keys_of(folder).get)
    for one, row in inspect.bags(db, _streams(stream), after):
        found = reader.events(one, row)
        if found is None:
            yield inspect.described(one, row)
        else:
            yield from (event for event in found if event["seq"] > after)


def _streams(word: str | None) -> list[Any]:
    from gateway.model import Stream

    return [stream for stream in Stream if word in {None, stream.word}]
