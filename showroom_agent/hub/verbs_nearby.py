"""`forecourt hub nearby`: one hub without a site; must never contain logic."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import click
from forecourt.v1 import showroom_pb2

from showroom_agent.joining.nearby import NEAR_DBM, Change, Nearby, NearSettings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
ALONE = """\b
Needs no site, no plan, no broker and no certificate:
  forecourt hub nearby --tags tags.toml
  {"at_s": 812.4, "tag": "car-3", "is": "near", "dbm": -57.5}
\b
At the distance that shall count as near, read dbm and give it as --near. From a raw log: --log raw.jsonl.
On a desk without a radio: forecourt sim bluez -- forecourt hub nearby --tags tags.toml
"""


@click.command(epilog=ALONE)
@click.option("--tags", required=True, type=FILE, help="Whom the hub knows; see forecourt hub --help.")
@click.option("--adapter", default="hci0", show_default=True, metavar="hciN", help="Bluetooth adapter.")
@click.option(
    "--near",
    type=click.FloatRange(-110, -20),
    default=NEAR_DBM,
    show_default=True,
    help="Near from here, dBm.",
)
@click.option("--log", "raw", type=FILE, help="Read a hub's raw log instead of listening.")
def nearby(tags: Path, adapter: str, near: float, raw: Path | None) -> None:
    """Say of each known tag when it is near, far, absent, or when the hub is blind: a JSON line for each change."""
    judge = Nearby(NearSettings(near_dbm=near))
    if raw is None:
        asyncio.run(_listen(judge, tags, adapter))
        return
    from showroom_agent.hub import load_watch
    from showroom_agent.hub import replay as frames_of

    with raw.open(encoding="utf-8") as lines:
        for frame in frames_of(lines, load_watch(tags)):
            _tell(judge.frame(frame))


async def _listen(judge: Nearby, tags: Path, adapter: str) -> None:
    from gateway.clock import SystemClock
    from gateway.tasks import until_signal
    from showroom_agent.hub.ears import Ears
    from showroom_agent.hub.frames import FRAME_S, FrameMaker
    from showroom_agent.hub.supervisor import Health, Supervisor
    from showroom_agent.hub.watch import load_watch
    from showroom_agent.radio import built_in

    def told(health: Health) -> None:
        said = "it listens again after" if health.recovered else "the scanner is down:"
        click.echo(f"{said} {health.cause}", err=True)

    clock = await asyncio.to_thread(SystemClock)
    ears = Ears(await asyncio.to_thread(load_watch, tags), built_in())
    frames = FrameMaker("alone", clock.boot_id(), ears)
    supervisor = Supervisor(adapter, ears.hear, told)
    async with until_signal() as group:
        group.create_task(supervisor.run(), name="scanner")
        frames.begin(clock.boottime_s(), clock.wall_us())
        while True:
            await asyncio.sleep(FRAME_S)
            frame = frames.make(clock.boottime_s(), clock.wall_us(), supervisor.scanner_state())
            if frame is not None:
                _tell(judge.frame(_parsed(frame)))


def _parsed(frame: showroom_pb2.SightingFrame) -> showroom_pb2.SightingFrame:
    """As a site would read it, so that levels are rounded alike."""
    return showroom_pb2.SightingFrame.FromString(frame.SerializeToString())


def _tell(changes: Iterable[Change]) -> None:
    for one in changes:
        dbm = None if one.level_dbm is None else round(one.level_dbm, 1)
        click.echo(json.dumps({"at_s": round(one.at_s, 1), "tag": one.tag, "is": one.nearness.value, "dbm": dbm}))
