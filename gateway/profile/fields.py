"""The fields of a profile: keys, groups, units, ranges; must never know a vehicle's own numbers.

A group is atomic: it is edited, merged and applied as a whole, so that never half of one posture meets half of another.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

from gateway.errors import InputError

Value: TypeAlias = float | int | str | tuple[str, ...]
"""What a field holds; lists are tuples, so that a document cannot change under its readers."""

KEY_CHARS_MAX = 64
TEXT_CHARS_MAX = 256
LIST_MAX = 32
_KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")


class Kind(Enum):
    """What type of value a field holds."""

    FLOAT = "float"
    INT = "int"
    TEXT = "text"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field. `low` and `high` bound what may be stored, in `unit`; None for texts and lists."""

    key: str
    group: str
    unit: str
    kind: Kind
    low: float | None = None
    high: float | None = None


def _numbers(group: str, unit: str, low: float, high: float, *keys: str) -> list[FieldSpec]:
    return [FieldSpec(key, group, unit, Kind.FLOAT, low, high) for key in keys]


def _zone(name: str) -> list[FieldSpec]:
    zone = f"climate.{name}"
    return [
        *_numbers(zone, "celsius", 10, 35, f"{zone}.temperature_c"),
        *_numbers(zone, "percent", 0, 100, f"{zone}.fan_pct"),
        *_numbers(zone, "percent", -100, 100, f"{zone}.seat_heating_pct"),
    ]


_ALL = [
    *_numbers("posture", "mm", 500, 1_200, "seat.leg_mm"),
    *_numbers("posture", "mm", 50, 600, "seat.hip_height_mm"),
    *_numbers("posture", "degrees", 0, 60, "seat.torso_deg"),
    *_numbers("posture", "degrees", -10, 40, "seat.cushion_deg"),
    *_numbers("posture", "mm", 300, 700, "seat.cushion_length_mm"),
    *_numbers("posture", "percent", 0, 100, "seat.lumbar_depth_pct"),
    *_numbers("posture", "mm", 0, 400, "seat.lumbar_height_mm"),
    *_numbers("posture", "mm", 0, 1_000, "seat.headrest_mm"),
    *_numbers("posture", "degrees", -20, 80, "wheel.tilt_deg"),
    *_numbers("posture", "mm", 0, 1_000, "wheel.reach_mm"),
    *_numbers(
        "mirrors", "degrees", -60, 60,
        "mirror.driver_view_out_deg", "mirror.driver_view_up_deg",
        "mirror.passenger_view_out_deg", "mirror.passenger_view_up_deg",
    ),
    *_zone("driver"),
    FieldSpec("climate.air_distribution", "climate.driver", "", Kind.TEXT),
    *_zone("passenger"),
    *_zone("rear"),
    FieldSpec("radio.band", "radio", "", Kind.TEXT),
    FieldSpec("radio.frequency_khz", "radio", "kHz", Kind.INT, 100, 3_000_000),
    FieldSpec("radio.service_id", "radio", "", Kind.TEXT),
    FieldSpec("radio.presets", "radio", "", Kind.LIST),
    *_numbers("radio", "percent", 0, 100, "radio.volume_pct"),
    FieldSpec("home.address", "home", "", Kind.TEXT),
    *_numbers("home", "degrees", -90, 90, "home.latitude"),
    *_numbers("home", "degrees", -180, 180, "home.longitude"),
]  # fmt: skip

FIELDS: Mapping[str, FieldSpec] = MappingProxyType({spec.key: spec for spec in _ALL})
"""Every field that this version knows, by its key."""

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: tuple(spec.key for spec in _ALL if spec.group == name) for name in dict.fromkeys(s.group for s in _ALL)}
)
"""The keys of each group."""


def group_of(key: str) -> str:
    """The group of a field; of one that this version does not know, its key up to the last dot."""
    spec = FIELDS.get(key)
    return spec.group if spec is not None else key.rpartition(".")[0] or key


def check_key(key: str) -> str:
    """The key itself; InputError where it is not one, known or not."""
    if len(key) > KEY_CHARS_MAX or not _KEY.fullmatch(key):
        raise InputError(f"a field is named like seat.leg_mm, with at most {KEY_CHARS_MAX} characters")
    return key


def check_value(key: str, value: Value, *, newer: bool = False) -> Value:
    """The value as the field stores it, numbers as float or int; InputError for one that it cannot hold.

    A field that this version does not know may hold any bounded value, and so may every field of a `newer` schema:
    what is none here is kept for those who know it, and left out by whoever applies it.
    """
    spec = FIELDS.get(check_key(key))
    if isinstance(value, str):
        if not _is_text(value):
            raise InputError(f"{key} holds at most {TEXT_CHARS_MAX} characters")
    elif isinstance(value, tuple):
        if len(value) > LIST_MAX or not all(map(_is_text, value)):
            raise InputError(f"{key} holds at most {LIST_MAX} texts of at most {TEXT_CHARS_MAX} characters")
    elif isinstance(value, bool) or abs(value) >= 1 << 53 or math.isnan(value):
        raise InputError(f"{key} holds no such number")
    if spec is None:
        return value
    try:
        return _typed(spec, value)
    except InputError:
        if newer:
            return value
        raise


def _is_text(value: str) -> bool:
    """Whether it can travel: half a surrogate pair, which JSON can write, cannot."""
    return len(value) <= TEXT_CHARS_MAX and not any("\ud800" <= char <= "\udfff" for char in value)


def _typed(spec: FieldSpec, value: Value) -> Value:
    if spec.kind is Kind.TEXT:
        if not isinstance(value, str):
            raise InputError(f"{spec.key} is a text")
        return value
    if spec.kind is Kind.LIST:
        if not isinstance(value, tuple):
            raise InputError(f"{spec.key} is a list of texts")
        return value
    if isinstance(value, (str, tuple)):
        raise InputError(f"{spec.key} is a number in {spec.unit}")
    if spec.low is not None and spec.high is not None and not spec.low <= value <= spec.high:
        raise InputError(f"{spec.key} lies between {spec.low:g} and {spec.high:g} {spec.unit}")
    if spec.kind is Kind.FLOAT:
        return float(value)
    if value != int(value):
        raise InputError(f"{spec.key} is a whole number in {spec.unit}")
    return int(value)
