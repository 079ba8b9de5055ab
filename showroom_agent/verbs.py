"""`forecourt site`: verbs of a showroom; must never contain logic."""

import csv
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.errors import ConfigError
from showroom_agent.joining.verbs_place import place, put, remove
from showroom_agent.joining.verbs_site import hubs, invite, join_desk, pki, revoke
from showroom_agent.joining.verbs_walk import walk_test, waypoint
from showroom_agent.match.verbs import match
from showroom_agent.nav.verbs import route
from showroom_agent.site.verbs import replay, run
from showroom_agent.site.verbs_map import site_map
from showroom_agent.tables import carrier_of, judged_lines
from showroom_agent.views.verbs import plot

if TYPE_CHECKING:
    from showroom_agent.plan import Reading
    from showroom_agent.presence.train import Run

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE_IN = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE_OUT = click.Path(dir_okay=False, path_type=Path)
SITES = """\b
A site is a folder:
  site.geojson                     hubs, zones, blocked areas and walls in local metres
  survey.csv                       point,x_m,y_m,hub,rssi_dbm,count: calibration, if there is one
  tracks/NAME.sightings.csv        t_s,hub,tag,rssi_dbm: a recording, a row for each reading
"""
PRESENCE = """\b
A few labelled runs are enough: NAME.sightings.csv with NAME.truth.csv (t_s,zone) in tracks/. Runs are put together by
what carries the tag, which is their name up to the first dash: car-1, car-2, walk-1. A car shadows its tag otherwise
than a person does, so each kind has a model of its own.
"""


@click.group(epilog=SITES)
def site() -> None:
    """Showroom: from what beacon hubs hear to positions on a floor plan."""


site.add_command(match)
site.add_command(route)
site.add_command(run)
site.add_command(replay)
site.add_command(plot)
site.add_command(site_map)
for verb in (pki, invite, join_desk, hubs, revoke, place, put, remove, waypoint, walk_test):
    site.add_command(verb)


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


@site.command("train-presence", epilog=PRESENCE)
@click.option("--site", "folder", required=True, type=FOLDER, help="Folder of the site, with labelled runs in tracks/.")
@click.option(
    "--run", "names", multiple=True, metavar="NAME", help="A run to learn from; default: all with a truth file."
)
@click.option("--out", type=FILE_OUT, help="Where the models go (JSON), learnt from all the runs.")
@click.option("--outside", default="outside", show_default=True, metavar="ZONE", help="The zone that means absent.")
def train_presence(folder: Path, names: tuple[str, ...], out: Path | None, outside: str) -> None:
    """Learn when a vehicle is inside, and judge it on runs it has not seen."""
    from showroom_agent.plan import load_site
    from showroom_agent.presence import judge, load_run, save_models, train

    plan = load_site(folder / "site.geojson")
    hubs = [hub.id for hub in plan.hubs]
    found = names or sorted(path.name.removesuffix(".truth.csv") for path in (folder / "tracks").glob("*.truth.csv"))
    if not found:
        raise ConfigError(f"{folder / 'tracks'}: there is no labelled run, NAME.sightings.csv with NAME.truth.csv")
    carriers: dict[str, list[Run]] = {}
    for name in found:
        carriers.setdefault(carrier_of(name), []).append(load_run(folder, name, plan, outside))
    models = {}
    for carrier, runs in carriers.items():
        click.echo("\n".join(judged_lines(judge(hubs, carrier, runs, _progress(f"judging {carrier}")))))
        models[carrier] = train(hubs, runs)
    if out is not None:
        save_models(out, models)
        click.echo(f"{', '.join(models)}: learnt from {len(found)} runs: {out}", err=True)


@site.command(epilog=PRESENCE)
@click.option("--site", "folder", required=True, type=FOLDER, help="Folder of the site.")
@click.option("--model", required=True, type=FILE_IN, help="What train-presence wrote.")
@click.option("--track", required=True, metavar="NAME", help="Recording in tracks/.")
@click.option(
    "--carrier", metavar="KIND", help="Which of the model's kinds; default: the track's name up to its first dash."
)
@click.option("--out", required=True, type=FILE_OUT, help="CSV to write: t_s,zone,confidence, a row for each change.")
def presence(folder: Path, model: Path, track: str, carrier: str | None, out: Path) -> None:
    """Say when a vehicle was inside, causally, with a model that was learnt before."""
    from showroom_agent.plan import load_readings, load_site
    from showroom_agent.presence import load_models
    from showroom_agent.presence.apply import changes

    plan, models = load_site(folder / "site.geojson"), load_models(model)
    kind = carrier or carrier_of(track)
    if kind not in models and carrier is None and len(models) == 1:
        kind = next(iter(models))
    if kind not in models:
        raise ConfigError(f"the model knows no {kind!r}; choose with --carrier: {', '.join(models)}")
    if models[kind].hubs != tuple(hub.id for hub in plan.hubs):
        raise ConfigError(f"{model}: was learnt with other hubs than those of {folder}; train it again")
    readings, left_out = load_readings(folder / "tracks" / f"{track}.sightings.csv", plan)
    _tell_left_out(left_out)
    rows = 0
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("t_s", "zone", "confidence"))
        for at_s, zone, confidence in changes(models[kind], readings):
            writer.writerow((f"{at_s:.1f}", zone, f"{confidence:.3f}"))
            rows += 1
    click.echo(f"{rows} changes from {len(readings)} readings: {out}", err=True)


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
