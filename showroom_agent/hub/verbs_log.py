"""`forecourt hub log` and `replay`: what a hub heard, on a desk; must never contain logic."""

import io
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=FILE)
def log(file: Path) -> None:
    """Say what is in a hub's raw log: adverts, tags, strangers, frames, how long."""
    adverts, named, strangers, frames = 0, 0, set[str](), 0
    faults: Counter[str] = Counter()
    times: list[float] = []
    for entry in _entries(file):
        if "t" in entry:
            adverts += 1
            named += "a" in entry
            strangers |= {str(entry["x"])} if "x" in entry else set()
            times = [times[0] if times else entry["t"], entry["t"]]
        elif "mode" in entry:
            frames += 1
            faults[str(entry.get("fault", ""))] += 1
    span_s = times[1] - times[0] if times else 0.0
    click.echo(
        f"{adverts} adverts in {span_s:.1f} s, {named} of known tags, {len(strangers)} strangers, {frames} marks"
    )
    for cause, count in faults.most_common():
        if cause:
            click.echo(f"scanner down ({cause}): {count} marks")


@click.command()
@click.argument("file", type=FILE)
@click.option("--tags", required=True, type=FILE, help="The tags file that the hub had.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write frames here (length-delimited).")
def replay(file: Path, tags: Path, out: Path | None) -> None:
    """Make the frames of a raw log again, bit for bit: as JSON lines, or as messages with --out."""
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.proto import serialize_length_prefixed

    from showroom_agent.hub import load_watch
    from showroom_agent.hub import replay as frames_of

    watch, count = load_watch(tags), 0
    with file.open(encoding="utf-8") as lines:
        if out is None:
            for frame in frames_of(lines, watch):
                click.echo(json.dumps(MessageToDict(frame, preserving_proto_field_name=True)))
            return
        with out.open("wb") as target:
            for frame in frames_of(lines, watch):
                packed = io.BytesIO()
                serialize_length_prefixed(frame, packed)
                target.write(packed.getvalue())
                count += 1
    click.echo(f"{count} frames in {out}", file=sys.stderr)


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    from showroom_agent.hub.rawlog import read_line

    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            yield read_line(line, number)
