"""`forecourt site walk-test|waypoint`; must never contain logic."""

import json
import sys
from collections import Counter
from pathlib import Path

import click

from gateway.errors import ConfigError

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE_IN = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE_OUT = click.Path(dir_okay=False, path_type=Path)
WALKING = """\b
Carry one tag at the height of a trouser pocket. At each spot that matters (beside each car, at the entrance, in the
corners) stand for 15 s and note it as you arrive:
  forecourt site waypoint --site SITE walk.csv "beside car 3" 12.5 8.0
Then judge the site's log, or frames, or a recording in CSV:
  forecourt site walk-test --site SITE --sightings site.log --spots walk.csv --tag walker --out report.json
It ends with 0 when the walk passes and with 1 when it does not.
"""


@click.command("walk-test", epilog=WALKING)
@click.option("--site", "folder", required=True, type=FOLDER, help="Folder of the site.")
@click.option("--sightings", required=True, type=FILE_IN, help="What hubs heard: a site's log, frames, or CSV.")
@click.option("--spots", "walked", required=True, type=FILE_IN, help="CSV t_s,name,x_m,y_m: where one stood, and when.")
@click.option("--tag", metavar="ID", help="Which tag was carried, where several were heard.")
@click.option("--hubs", type=click.IntRange(1, 20), default=3, show_default=True, help="Must hear at each spot.")
@click.option("--error", "error_m", type=float, default=3.0, show_default=True, help="Metres that a spot may be off.")
@click.option("--share", type=click.FloatRange(0, 1), default=0.9, show_default=True, help="Of the spots must pass.")
@click.option("--out", type=FILE_OUT, help="Report as JSON.")
@click.option("--svg", type=FILE_OUT, help="Report as a picture of the plan.")
def walk_test(
    folder: Path,
    sightings: Path,
    walked: Path,
    tag: str | None,
    hubs: int,
    error_m: float,
    share: float,
    out: Path | None,
    svg: Path | None,
) -> None:
    """Judge a walk: which spots too few hubs hear, how far the locator was off, and what is blind in between."""
    from showroom_agent.joining.spots import load_sightings, load_spots
    from showroom_agent.joining.walk import Terms, judge
    from showroom_agent.joining.walk_report import as_json, as_svg, lines
    from showroom_agent.plan import load_site, load_survey

    site = load_site(folder / "site.geojson")
    survey = load_survey(folder / "survey.csv", site) if (folder / "survey.csv").exists() else None
    spots = load_spots(walked, site)
    readings, left_out = load_sightings(sightings, site)
    for why, count in sorted(left_out.items()):
        click.echo(f"left out: {count} readings ({why.replace('_', ' ')})", err=True)
    during = Counter(one.tag for one in readings if spots[0].begin_s <= one.t_s <= spots[-1].end_s)
    chosen = _chosen(tag, during, sightings)
    found = judge(site, survey, spots, [one for one in readings if one.tag == chosen], Terms(hubs, error_m, share))
    click.echo("\n".join(lines(found)))
    if out is not None:
        out.write_text(json.dumps(as_json(found), indent=1) + "\n", "utf-8")
    if svg is not None:
        svg.write_text(as_svg(found), "utf-8")
    sys.exit(0 if found.passed else 1)


@click.command(epilog=WALKING)
@click.option("--site", "folder", required=True, type=FOLDER, help="Folder of the site.")
@click.argument("file", type=FILE_OUT)
@click.argument("name")
@click.argument("x_m", type=float)
@click.argument("y_m", type=float)
def waypoint(folder: Path, file: Path, name: str, x_m: float, y_m: float) -> None:
    """Note in FILE that one stands from now on at (X_M, Y_M) of the plan."""
    from gateway.clock import SystemClock
    from showroom_agent.joining.waypoints import note
    from showroom_agent.plan import load_site

    note(file, load_site(folder / "site.geojson"), name, x_m, y_m, SystemClock().wall_us() / 1e6)
    click.echo(f"{name}: stand still for 15 s", err=True)


def _chosen(tag: str | None, during: Counter[str], path: Path) -> str:
    if not during:
        raise ConfigError(f"{path}: no hub of the plan heard anything during the walk: do both use the same clock?")
    if tag is None and len(during) > 1:
        raise ConfigError(f"several tags were heard; choose with --tag: {', '.join(sorted(during)[:10])}")
    chosen = tag if tag is not None else next(iter(during))
    if chosen not in during:
        raise ConfigError(f"{chosen!r} was not heard during the walk; there are: {', '.join(sorted(during)[:10])}")
    return chosen
