"""A register: what a field holds, since when, and where it was set; must never be changed, only replaced."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias

from gateway.errors import InputError
from gateway.profile.fields import FIELDS, KEY_CHARS_MAX, TEXT_CHARS_MAX, Value, check_key, check_value, group_of
from gateway.profile.hlc import Hlc, check_hlc

Raw: TypeAlias = float | int | str
RAW_MAX = 64
PATH_CHARS_MAX = 256
_NAME_CHARS_MAX = 64
_NOTHING: Mapping[str, Raw] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was set. `raw`: the readings of that model's actuators, replayed as they are in the same model.

    `card` and `revision` name the vehicle card; an app has an empty card and no readings. Readings are of the whole
    group as its last edit left it, so a field that a later edit carried over has none.
    """

    device: str
    card: str = ""
    revision: int = 0
    raw: Mapping[str, Raw] = field(default_factory=lambda: _NOTHING)

    def without_raw(self) -> "Origin":
        """The same place, whose readings are no longer those of the group."""
        return replace(self, raw=_NOTHING) if self.raw else self


@dataclass(frozen=True, slots=True)
class Register:
    """A field's content. `value` None is a tombstone. `group` is told with it, so that older readers keep groups whole.

    `seen` is the stamp that the group had for whoever set this: what lies between `seen` and `hlc` he did not know.
    """

    key: str
    value: Value | None
    hlc: Hlc
    origin: Origin
    group: str = ""
    seen: Hlc | None = None

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", group_of(self.key))


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to a whole group. `values` holds each field that the group now has; None deletes one.

    `carried` are the registers of fields that were not touched: they keep their value and origin, without readings.
    `seen`: the group's stamp that the guest changed; None where there was none.
    """

    group: str
    values: Mapping[str, Value | None]
    hlc: Hlc
    origin: Origin
    carried: Mapping[str, Register] = field(default_factory=dict)
    seen: Hlc | None = None

    def registers(self) -> dict[str, Register]:
        """The group after this edit."""
        kept = {
            key: Register(key, old.value, self.hlc, old.origin.without_raw(), self.group, self.seen)
            for key, old in self.carried.items()
        }
        return kept | {
            key: Register(key, value, self.hlc, self.origin, self.group, self.seen)
            for key, value in self.values.items()
        }


def check_register(one: Register, *, newer: bool = False) -> Register:
    """The register with a value of the right type; InputError for what cannot be. `newer`: see `check_value`."""
    check_key(one.key)
    check_origin(one.origin)
    if len(one.group) > KEY_CHARS_MAX or (one.group != group_of(one.key) and one.key in FIELDS):
        raise InputError(f"{one.key} belongs to {group_of(one.key)}")
    if one.seen is not None:
        check_hlc(one.seen)
    value = None if one.value is None else check_value(one.key, one.value, newer=newer)
    return Register(one.key, value, check_hlc(one.hlc), one.origin, one.group, one.seen)


def check_origin(origin: Origin) -> Origin:
    """The origin itself; InputError for one that is too large."""
    if max(len(origin.device), len(origin.card)) > _NAME_CHARS_MAX or not 0 <= origin.revision < 1 << 31:
        raise InputError(f"an origin names device and card in at most {_NAME_CHARS_MAX} characters")
    if len(origin.raw) > RAW_MAX:
        raise InputError(f"an origin holds at most {RAW_MAX} readings")
    for path, value in origin.raw.items():
        if len(path) > PATH_CHARS_MAX or (isinstance(value, str) and len(value) > TEXT_CHARS_MAX):
            raise InputError("a reading of an origin is too long")
        if not isinstance(value, str) and not abs(value) < 1 << 53:
            raise InputError("a reading of an origin is no such number")
    return origin
