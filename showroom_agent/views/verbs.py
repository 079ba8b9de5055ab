"""`forecourt site plot`; must never contain logic."""

import csv
from pathlib import Path

import click

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
EPILOG = """\b
  forecourt site plot --site SITE --out plan.svg                          the plan alone
  forecourt site plot --site SITE --track NAME --out walk.svg             what was found, beside the truth
  forecourt site plot --site SITE --track NAME --at 42 --out now.svg      and where the tag may be at 42 s
"""


@click.command(epilog=EPILOG)
@click.option("--site", "folder", required=True, type=FOLDER, help="Folder of the site.")
@click.option("--track", metavar="NAME", help="Recording in tracks/; its truth is drawn where it is there.")
@click.option("--at", "at_s", type=float, help="Show the belief at this second [the end].")
@click.option("--no-survey", is_flag=True, help="Path loss only.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="SVG to write.")
def plot(folder: Path, track: str | None, at_s: float | None, no_survey: bool, out: Path) -> None:
    """Draw plan, track, truth and belief as an SVG picture."""
    from showroom_agent.locator import Locator
    from showroom_agent.plan import load_site, load_survey
    from showroom_agent.views.plot import Picture, svg
    from showroom_agent.views.tracing import trace

    site = load_site(folder / "site.geojson")
    picture = Picture(title=site.name)
    if track is not None:
        survey = None if no_survey or not (folder / "survey.csv").exists() else load_survey(folder / "survey.csv", site)
        truth: list[tuple[float, float]] = []
        path = folder / "tracks" / f"{track}.truth.csv"
        if path.exists():
            with path.open(encoding="utf-8") as rows:
                truth = [(float(row["x_m"]), float(row["y_m"])) for row in csv.DictReader(rows) if row.get("x_m")]
        picture = trace(Locator(site, survey), folder / "tracks" / f"{track}.sightings.csv", truth, at_s, track)
    out.write_text(svg(site, picture), "utf-8")
    click.echo(f"{out}: {len(picture.found)} positions, {len(picture.truth)} of the truth")
