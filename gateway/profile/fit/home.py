"""Where the guest lives, for the navigation to offer; must never start a route or say the address in an error."""

from collections.abc import Mapping
from typing import Final

from gateway.profile.fields import Value
from gateway.profile.fit.card import Card
from gateway.profile.fit.leaves import PRIVATE
from gateway.profile.fit.values import Setting, Target

PATHS: Final[Mapping[str, str]] = {
    "home.address": PRIVATE + "Home.Address",
    "home.latitude": PRIVATE + "Home.Latitude",
    "home.longitude": PRIVATE + "Home.Longitude",
}


def fit_home(values: Mapping[str, Value], card: Card) -> tuple[list[Target], list[tuple[str, str]]]:
    """The home for a car that has a navigation."""
    targets: list[Target] = []
    skipped: list[tuple[str, str]] = []
    for field, path in PATHS.items():
        value = values.get(field)
        if not isinstance(value, str | int | float):
            continue
        if card.actuator(path) is None:
            skipped.append((field, "this car has no navigation that takes it"))
        else:
            targets.append(Target(field, path, value))
    return targets, skipped


def unfit_home(raw: Mapping[str, Setting]) -> dict[str, Value]:
    """The home that a car shows, as fields."""
    return {
        field: value
        for field, path in PATHS.items()
        if isinstance(value := raw.get(path), str | int | float) and value != ""
    }
