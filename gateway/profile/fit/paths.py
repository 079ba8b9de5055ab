"""Which leaves of a car belong to which field and group; must never know a value."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from gateway.profile.fields import FIELDS
from gateway.profile.fit import home, posture, radio
from gateway.profile.fit.card import Card
from gateway.profile.fit.climate import zone_fields, zone_path
from gateway.profile.fit.mirrors import FIELDS as MIRROR_FIELDS
from gateway.profile.fit.mirrors import axis


def paths_of(card: Card) -> Mapping[str, tuple[str, ...]]:
    """The leaves of a car that follow a field, by field; only what it can be asked to set."""
    return _paths(_Key(card))


def group_paths(card: Card, group: str) -> tuple[str, ...]:
    """The leaves of a car that follow the fields of a group."""
    return tuple(path for field, paths in paths_of(card).items() if FIELDS[field].group == group for path in paths)


def field_of(card: Card, path: str) -> str | None:
    """The field that a leaf follows."""
    return next((field for field, paths in paths_of(card).items() if path in paths), None)


class _Key:
    """A card as a key: itself and no other, since cards hold mappings."""

    def __init__(self, card: Card) -> None:
        self.card = card

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.card is other.card

    def __hash__(self) -> int:
        return id(self.card)


@lru_cache(64)
def _paths(key: _Key) -> Mapping[str, tuple[str, ...]]:
    card = key.card
    found = {field: _has(card, *paths) for field, paths in posture.PATHS.items()}
    for field in MIRROR_FIELDS:
        side, way = field.removeprefix("mirror.").split("_")[0], field.split("_")[2]
        mirror = card.geometry.mirrors.get(side) if card.geometry else None
        one = axis(card, mirror, side, way) if mirror else None
        found[field] = (one.path,) if one else ()
    for field in zone_fields():
        path = zone_path(card, field)
        found[field] = (path,) if path else ()
    for others in (radio.PATHS, home.PATHS):
        found |= {field: _has(card, path) for field, path in others.items()}
    return MappingProxyType({field: paths for field, paths in found.items() if paths})


def _has(card: Card, *paths: str) -> tuple[str, ...]:
    return tuple(path for path in paths if card.actuator(path) is not None)
