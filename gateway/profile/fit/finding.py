"""Finds vehicle cards: ours, those of installed packages, and files; must never let one bad card hide the others.

A card of an outside package is an entry point in the group `forecourt.vehicle_cards`: a function without arguments that
returns the text of a TOML document and keeps gateway.contracts.vehicle_card. It is named by the card's id; an earlier
revision, which cars on the road still have, by `id@revision`.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError, ForecourtError, InputError
from gateway.log import Log
from gateway.profile.fit.card import Card
from gateway.profile.fit.cards import card_from_toml, refuse_unless_card
from gateway.profile.fit.reader import CARD_BYTES_MAX

GROUP: Final = "forecourt.vehicle_cards"
OWN: Final = ("saloon", "suv", "city")
_LOG = Log("profile")


def load_card(name: str | Path) -> Card:
    """The card of that name, or of a file (what ends with .toml). Reads files: not for the loop.

    Raises ConfigError for a name that nobody offers, a file that cannot be read, and a card that is refused.
    """
    if isinstance(name, Path) or name.endswith(".toml"):
        return _from_file(Path(name))
    if name in OWN:
        return _own(name)
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        have = ", ".join([*OWN, *sorted(points.keys() - set(OWN))])
        raise ConfigError(f"no vehicle card is called {name!r}; installed are: {have}. A file ends with .toml")
    return _outside(points[name])


def load_cards() -> dict[str, Card]:
    """All cards that are installed, by id or `id@revision`. Reads files: not for the loop.

    One of another package that is refused is logged and left out, and so is one that takes the place of another.
    """
    found = {name: _own(name) for name in OWN}
    for point in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        try:
            card = _outside(point)
        except ForecourtError as error:
            _LOG.warning("vehicle_card_refused", name=point.name, why=str(error))
            continue
        if point.name in found or any(_names(card) == _names(other) for other in found.values()):
            _LOG.warning("vehicle_card_refused", name=point.name, why=f"{point.name} is taken")
            continue
        found[point.name] = card
    return found


@cache
def _own(name: str) -> Card:
    return card_from_toml((files("gateway.profile.fit") / "models" / f"{name}.toml").read_text("utf-8"))


def _from_file(path: Path) -> Card:
    try:
        if path.stat().st_size > CARD_BYTES_MAX:
            raise InputError(f"longer than a vehicle card may be ({CARD_BYTES_MAX} bytes)")
        return card_from_toml(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no text in UTF-8") from error
    except InputError as error:
        raise ConfigError(f"{path}: {error}") from error


def _outside(point: EntryPoint) -> Card:
    try:
        text = point.load()()
    except Exception as error:
        raise ConfigError(f"vehicle card {point.name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    try:
        card = card_from_toml(refuse_unless_card(text))
    except InputError as error:
        raise ConfigError(f"vehicle card {point.name!r}: {error}") from error
    if point.name not in _names(card):
        raise ConfigError(f"vehicle card {point.name!r}: its names are {' and '.join(_names(card))}: use one of them")
    return card


def _names(card: Card) -> tuple[str, str]:
    return card.id, f"{card.id}@{card.revision}"


def geometries(cards: Mapping[str, Card]) -> list[str]:
    """Ids of the cards that can be translated to and from."""
    return [name for name, card in cards.items() if card.geometry is not None]
