"""`forecourt site map`; must never contain logic."""

import json
import shutil
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from showroom_agent.plan import Floor
    from showroom_agent.views.state import FloorState

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
EPILOG = """\b
  forecourt site map --site SITE                              the plan alone
  forecourt site map --config site.toml                       the site that runs, drawn anew twice a second
  forecourt site map --config site.toml --once --json         its state now, for programs
  forecourt site map --site SITE store/journal                what a site knew at the end of its journal
  forecourt site map --site SITE store/journal --at 95        ... 95 seconds after its beginning
  forecourt site map --site SITE store/journal --every 10     ... each ten seconds
\b
A map is for the site's own machine and user: it shows where guests are. It needs no journal while the site runs.
Colours are for terminals; with NO_COLOR set there are none. One that writes no UTF-8 gets plain characters.
"""


@click.command("map", epilog=EPILOG)
@click.argument("journal", type=FILE, required=False)
@click.option("--site", "folder", type=FOLDER, help="Folder of the site.")
@click.option("--config", type=FILE, help="Settings of a site that runs on this machine.")
@click.option("--at", "at_s", type=click.FloatRange(min=0), metavar="S", help="Seconds after the journal began.")
@click.option("--every", "every_s", type=click.FloatRange(min=0.5), metavar="S", help="A map each so many seconds.")
@click.option("--once", is_flag=True, help="One map of a running site. So it is where nobody sits at a terminal.")
@click.option("--json", "as_json", is_flag=True, help="States instead of maps, one JSON object a line.")
@click.option("--columns", type=click.IntRange(10, 400), help="Width of the map; default: the terminal's.")
def site_map(
    journal: Path | None,
    folder: Path | None,
    config: Path | None,
    at_s: float | None,
    every_s: float | None,
    once: bool,
    as_json: bool,
    columns: int | None,
) -> None:
    """Draw plan, hubs, cars and guests in characters: of a running site, or from a journal."""
    from showroom_agent.plan import load_floor
    from showroom_agent.views.chart import plan_state

    if (folder is None) is (config is None):
        raise click.UsageError("give --site FOLDER, or --config FILE of a site that runs")
    if journal is None and (at_s is not None or (every_s is not None and config is None)):
        raise click.UsageError("--at and --every look into a journal: name its file")
    if journal is not None and folder is None:
        raise click.UsageError("a journal needs --site FOLDER, as it was then")
    states, folder = _states(journal, folder, config, at_s, every_s)
    terminal = sys.stdout.isatty()
    if config is not None and (once or not (terminal or as_json or every_s)):
        states = islice(states, 1)
    plan = load_floor(folder / "site.geojson")
    if as_json:
        for state in states:
            click.echo(json.dumps((state or plan_state(plan)).as_json(), ensure_ascii=False))
            sys.stdout.flush()
    else:
        _draw(plan, states, columns, again=terminal and config is not None and not once)


def _states(
    journal: Path | None, folder: Path | None, config: Path | None, at_s: float | None, every_s: float | None
) -> "tuple[Iterator[FloorState | None], Path]":
    if journal is None and config is None:
        assert folder is not None
        return iter([None]), folder
    from showroom_agent.site.watching import LOOK_S, journal_states, live_states

    if config is None:
        assert folder is not None
        assert journal is not None
        return journal_states(folder, journal, at_s, every_s), folder
    from gateway.config import load
    from showroom_agent.site.settings import SiteAgentSettings

    settings = load(SiteAgentSettings, config)
    return live_states(settings.store.folder, every_s or LOOK_S), settings.site.folder


def _draw(plan: "Floor", states: "Iterator[FloorState | None]", columns: int | None, *, again: bool) -> None:
    import os

    from showroom_agent.views.chart import COLUMNS, PLAIN, RICH, chart

    terminal = sys.stdout.isatty()
    rich = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    for state in states:
        size = shutil.get_terminal_size((COLUMNS, 48))
        lines = chart(
            plan,
            state,
            columns=columns or (size.columns - 1 if terminal else COLUMNS),
            height=max(10, size.lines - 1) if again else None,
            signs=RICH if rich else PLAIN,
            colour=terminal and not os.environ.get("NO_COLOR"),
        )
        if again:
            lines = ["\x1b[H" + "\n".join(line + "\x1b[K" for line in lines) + "\x1b[J"]
        click.echo("\n".join(lines), nl=not again)
        sys.stdout.flush()
