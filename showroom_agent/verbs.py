"""`forecourt site`: verbs of a showroom; must never contain logic."""

import csv
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.errors import ConfigError

if TYPE_CHECKING:
    from showroom_agent.plan import Reading

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE_OUT = click.Path(dir_okay=False, path_type=Path)
SITES = """\b
A site is a folder:
  site.geojson                     hubs, zones, blocked areas and walls in local metres
  survey.csv                       point,x_m,y_m,hub,rssi_dbm,count: calibration, if there is one
  tracks/NAME.sightings.csv        t_s,hub,tag,rssi_dbm: a recording, a row for each reading
"""


@click.group(epilog=SITES)
def site() -> None:
    """Showroom: from what beacon hubs hear to positions on a floor plan."""


@site.command(epilog=SITES)
@click.option("--site", "folder", required=True, type=FOLDER, help="Folder of the site.")
@click.option("--track", required=True, metavar="NAME", help="Recording in tracks/.")
@click.option("--out", required=True, type=FILE_OUT, help="CSV to write: t_s,x_m,y_m,zone,confidence, twice a second.")
@click.option("--no-survey", is_flag=True, help="Path loss only, as before anybody has surveyed the place.")
@click.option("--tag", metavar="ID", help="Which tag, where the recording has several.")
def evaluate(folder: Path, track: str, out: Path, no_survey: bool, tag: str | None) -> None:
    """Run the locator over a recording, causally, with the defaults of every deployment."""
    from showroom_agent.locator import Locator
    from showroom_agent.locator import evaluate as run
    from showroom_agent.plan import load_readings, load_site, load_survey

    plan = load_site(folder / "site.geojson")
    survey = None
    if not no_survey and (folder / "survey.csv").exists():
        survey = load_survey(folder / "survey.csv", plan)
    elif not no_survey:
        click.echo("there is no survey.csv: path loss only", err=True)
    readings, left_out = load_readings(folder / "tracks" / f"{track}.sightings.csv", plan)
    readings = _of_one_tag(readings, tag)
    _tell_left_out(left_out)
    locator = Locator(plan, survey)
    rows = 0
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("t_s", "x_m", "y_m", "zone", "confidence"))
        for now_s, found in run(locator, readings, _progress("locating")):
            row = f"{now_s:.3f}", f"{found.x_m:.3f}", f"{found.y_m:.3f}", found.zone, f"{found.confidence:.3f}"
            writer.writerow(row)
            rows += 1
    click.echo(f"{rows} estimates from {len(readings)} readings of {len(plan.hubs)} hubs: {out}", err=True)


def _of_one_tag(readings: "list[Reading]", tag: str | None) -> "list[Reading]":
    tags = Counter(reading.tag for reading in readings)
    if not tags:
        raise ConfigError("the recording has no reading that can be used: do its hubs stand in the plan?")
    if tag is None and len(tags) > 1:
        raise ConfigError(f"the recording has several tags; choose one with --tag: {', '.join(sorted(tags)[:10])}")
    chosen = next(iter(tags)) if tag is None else tag
    if chosen not in tags:
        raise ConfigError(f"no reading is of tag {chosen!r}; there are: {', '.join(sorted(tags)[:10])}")
    return [reading for reading in readings if reading.tag == chosen]


def _tell_left_out(left_out: Counter[str]) -> None:
    for why, count in sorted(left_out.items()):
        click.echo(f"left out: {count} readings ({why.replace('_', ' ')})", err=True)


def _progress(what: str) -> Callable[[float], None]:
    """A line on a terminal that is written over; nothing elsewhere."""
    told = [-1]

    def tell(share: float) -> None:
        percent = int(share * 100)
        if percent != told[0] and sys.stderr.isatty():
            told[0] = percent
            click.echo(f"\r{what} {percent:3d} %" + ("\n" if percent == 100 else ""), err=True, nl=False)

    return tell
