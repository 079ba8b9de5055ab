"""`forecourt site route`: the way on a plan, step by step; must never contain logic."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.errors import ConfigError, InputError

if TYPE_CHECKING:
    from showroom_agent.nav.route import Route
    from showroom_agent.nav.router import Router

EXAMPLES = """\b
Examples:
  forecourt site route --example --from 8,3 --to vaga-estate --lang de
  forecourt site route --site SITE --from lot --to exit --without lumen-e
  forecourt site route --site SITE --check
Places are metres of the plan (X,Y) or the id of a car, zone, exit or landmark; `exit` is the nearest way out.
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--site", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The site's folder."
)
@click.option("--example", is_flag=True, help="The showroom that comes with Forecourt.")
@click.option("--from", "start", metavar="PLACE", help="Where one stands.")
@click.option("--to", "end", metavar="PLACE", help="Where one wants to go.")
@click.option("--without", multiple=True, metavar="CAR", help="A car of the plan that is not there now.")
@click.option("--lang", type=click.Choice(("de", "en")), default="en", show_default=True)
@click.option("--check", is_flag=True, help="Tell which cars and zones no exit leads to, and fail if there are any.")
@click.option("--json", "as_json", is_flag=True, help="Points, steps and length as JSON.")
def route(
    folder: Path | None,
    example: bool,
    start: str | None,
    end: str | None,
    without: tuple[str, ...],
    lang: str,
    check: bool,
    as_json: bool,
) -> None:
    """Find the way over a floor plan and say it step by step."""
    from showroom_agent.nav.route import NoRoute
    from showroom_agent.nav.router import Router
    from showroom_agent.plan import load_floor

    router = Router(load_floor(_folder(folder, example) / "site.geojson"))
    for car in without:
        if car not in router.cars:
            raise InputError(f"--without {car}: the plan has no such car; it has {', '.join(router.cars) or 'none'}")
        router.remove(car)
    if check:
        problems = router.problems()
        for one in problems:
            click.echo(f"{one.target}: {one.text(lang)}")
        if problems:
            raise InputError(f"{len(problems)} places of the plan cannot be reached or left")
        click.echo(f"every car and zone can be reached: {len(router.names())} places")
        return
    if start is None or end is None:
        raise click.UsageError("a route needs --from and --to; --check needs neither")
    begin = _point(start) or router.target(start)
    if isinstance(begin, NoRoute):
        raise InputError(f"--from {start}: {begin.text(lang)} {_known(router)}")
    x_m, y_m = begin if isinstance(begin, tuple) else (begin.x_m, begin.y_m)
    point = _point(end)
    found = router.route(x_m, y_m, router.target(end) if point is None else router.at(*point))
    if isinstance(found, NoRoute):
        raise InputError(f"--from {start} --to {end}: {found.text(lang)} {_known(router)}")
    _show(router, found, lang, as_json)


def _folder(folder: Path | None, example: bool) -> Path:
    from showroom_agent.example import FOLDER

    if example == (folder is not None):
        raise ConfigError("name the site's folder with --site, or take the one that comes along with --example")
    return folder if folder is not None else FOLDER


def _point(text: str) -> tuple[float, float] | None:
    x, comma, y = text.partition(",")
    if not comma:
        return None
    try:
        return float(x), float(y)
    except ValueError:
        raise InputError(f"{text}: a place is X,Y in metres, or an id of the plan") from None


def _known(router: "Router") -> str:
    names = sorted(router.names())
    return f"Places of the plan: {', '.join(names[:30])}."


def _show(router: "Router", found: "Route", lang: str, as_json: bool) -> None:
    from showroom_agent.nav.steps import steps_of
    from showroom_agent.nav.words import say

    steps = steps_of(found, router)
    if as_json:
        document: dict[str, Any] = {
            "length_m": round(found.length_m, 2),
            "eta_s": round(found.eta_s, 1),
            "points": [[round(x, 3), round(y, 3)] for x, y in found.points],
            "steps": [
                {"turn": step.turn.value, "at_m": round(step.at_m, 2), "de": say(step, "de"), "en": say(step, "en")}
                for step in steps
            ],
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for number, step in enumerate(steps, 1):
        click.echo(f"{number:2d}. {say(step, lang)}")
    click.echo(f"{found.length_m:.0f} m, {found.eta_s:.0f} s")
