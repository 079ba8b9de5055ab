"""`forecourt site match`: which car fits a guest's wishes; must never contain logic."""

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.errors import ConfigError, InputError

if TYPE_CHECKING:
    from showroom_agent.match.approach import Approach

EXAMPLES = """\b
Examples:
  forecourt site match --example --lang de
  forecourt site match --example --present piccolo --present carga-van
  forecourt site match --catalogue catalogue.toml --wishes wishes.toml --json
A catalogue has [[car]] with id, title, body, drive, colour, price_eur, and as far as known seats, boot_l,
boot_height_m, range_km, towing_kg, equipment and points, and [[accessory]] with id, title, price_eur, and what they are
for and fit: for, bodies, drives, cars, needs. Wishes are a TOML table: drive, body, colour, equipment, budget_eur,
price_sensitivity, dog, boot_l, seats, towing_kg, range_km, must, weights.
"""
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog=EXAMPLES)
@click.option("--catalogue", "catalogue_file", type=FILE, help="Cars and accessories of the site.")
@click.option("--wishes", "wishes_file", type=FILE, help="What the guest wishes.")
@click.option("--example", is_flag=True, help="Take what comes with Forecourt where a file is not named.")
@click.option("--present", multiple=True, metavar="CAR", help="A car whose presence is confirmed; default: all.")
@click.option("--lang", type=click.Choice(("de", "en")), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="All criteria of all cars as JSON.")
def match(
    catalogue_file: Path | None,
    wishes_file: Path | None,
    example: bool,
    present: tuple[str, ...],
    lang: str,
    as_json: bool,
) -> None:
    """Say how well each car fits a guest's wishes, and why."""
    from showroom_agent.match.approach import approach
    from showroom_agent.match.catalogue import load_catalogue
    from showroom_agent.match.score import rank
    from showroom_agent.match.wishes import read_wishes

    catalogue = load_catalogue(_file(catalogue_file, example, "catalogue"))
    wishes = read_wishes(_toml(_file(wishes_file, example, "wishes")))
    if unknown := [car for car in present if car not in catalogue.cars]:
        raise InputError(f"--present {unknown[0]}: the catalogue has {', '.join(catalogue.cars)}")
    found = rank(catalogue, wishes, present or tuple(catalogue.cars))
    shown = [one for one in (approach(catalogue, fit.car.id, wishes) for fit in found) if one is not None]
    if as_json:
        click.echo(json.dumps([_row(one) for one in shown], ensure_ascii=False, indent=2))
        return
    for one in shown:
        missing = one.fit.missing
        click.echo(f"{one.fit.percent:5.1f} %  {one.fit.car.title.of(lang)}" + (" (!)" if missing else ""))
        for line in one.fit.lines(lang):
            click.echo(f"          {line}")
        for point in one.points:
            click.echo(f"        > {point.of(lang)}")
        names = ", ".join(accessory.title.of(lang) for accessory in one.accessories)
        click.echo(f"        + {names}")


def _file(given: Path | None, example: bool, name: str) -> Path:
    from showroom_agent.example import FOLDER

    if given is not None:
        return given
    if not example:
        raise ConfigError(f"name a file with --{name}, or take the one that comes along with --example")
    return FOLDER / f"{name}.toml"


def _toml(path: Path) -> object:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not TOML that can be read ({error})") from None


def _row(one: "Approach") -> dict[str, object]:
    return {
        "car": one.fit.car.id,
        "percent": one.fit.percent,
        "missing": list(one.fit.missing),
        "criteria": [
            {
                "id": each.id,
                "score": round(each.score, 3),
                "weight": each.weight,
                "de": each.reason.de,
                "en": each.reason.en,
            }
            for each in one.fit.criteria
        ],
        "points": [{"de": point.de, "en": point.en} for point in one.points],
        "accessories": [accessory.id for accessory in one.accessories],
    }
