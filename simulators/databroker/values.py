"""Types of VSS and the messages that carry their values; must never let a value pass that its type cannot hold."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from forecourt.kuksa.v1 import val_pb2 as v1
from forecourt.kuksa.v2 import val_pb2 as v2

from gateway.model import Value
from simulators.databroker.refusals import Refused, Why

if TYPE_CHECKING:
    from simulators.databroker.catalogue import Leaf

FLOAT_MAX: Final = 3.4028234663852886e38


@dataclass(frozen=True, slots=True)
class DataKind:
    """A VSS datatype: its number in the protocol, the field that carries it, and what a whole number may be."""

    name: str
    number: int
    field: str
    is_array: bool
    low: int | None = None
    high: int | None = None

    @property
    def is_number(self) -> bool:
        """Whether it has a minimum and a maximum."""
        return self.low is not None or self.field.startswith(("float", "double"))


def _kinds() -> dict[str, DataKind]:
    found: dict[str, DataKind] = {}
    plain: list[tuple[str, str, str, int | None, int | None]] = [
        ("string", "STRING", "string", None, None),
        ("boolean", "BOOLEAN", "bool", None, None),
        ("float", "FLOAT", "float", None, None),
        ("double", "DOUBLE", "double", None, None),
    ]
    for bits in (8, 16, 32, 64):
        width = max(bits, 32)
        plain.append((f"int{bits}", f"INT{bits}", f"int{width}", -(1 << (bits - 1)), (1 << (bits - 1)) - 1))
        plain.append((f"uint{bits}", f"UINT{bits}", f"uint{width}", 0, (1 << bits) - 1))
    for name, word, field, low, high in plain:
        found[name] = DataKind(name, v2.DataType.Value(f"DATA_TYPE_{word}"), field, False, low, high)
        number = v2.DataType.Value(f"DATA_TYPE_{word}_ARRAY")
        found[f"{name}[]"] = DataKind(f"{name}[]", number, f"{field}_array", True, low, high)
    return found


KINDS: Final = _kinds()
"""By name; structures are not among them."""


def message_of(kind: DataKind, value: Any) -> v2.Value:
    """A plain value as a message of that kind; raises Refused when it is of another type.

    Whole numbers are rounded to, as a vehicle's gateway does it; what a file may have written for a truth or a word
    (0, 1, a number) is taken for it.
    """
    if not kind.is_array:
        found = v2.Value()
        setattr(found, kind.field, _scalar(kind, value))
        return found
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise Refused(Why.WRONG_TYPE, f"{value!r:.80} is no {kind.name}")
    return array_of(kind.field, [_scalar(kind, item) for item in value])


def array_of(field: str, values: Iterable[Any]) -> v2.Value:
    """A message with an array, which may be empty."""
    found = v2.Value()
    array = getattr(found, field)
    array.SetInParent()
    array.values.extend(values)
    return found


def check(leaf: "Leaf", value: v2.Value) -> None:
    """Raises Refused for another type, and for what is outside of the type, the bounds or the allowed values."""
    which, kind = value.WhichOneof("typed_value"), leaf.kind
    if which != kind.field:
        raise Refused(Why.WRONG_TYPE, f"{leaf.path} is {kind.name}, not {which}")
    raw = getattr(value, which)
    for item in raw.values if kind.is_array else (raw,):
        if kind.low is not None and kind.high is not None and not kind.low <= item <= kind.high:
            raise Refused(Why.TYPE_BOUNDS, f"{leaf.path} = {item!r}")
        if (leaf.low is not None and item < leaf.low) or (leaf.high is not None and item > leaf.high):
            raise Refused(Why.BOUNDS, f"{leaf.path} = {item!r}")
        if leaf.allowed and item not in leaf.allowed:
            raise Refused(Why.NOT_ALLOWED, f"{leaf.path} = {item!r:.80}")


def from_v1(point: v1.Datapoint) -> v2.Value | None:
    """The value of a v1 datapoint; None where it has none. Fields have the same names in both."""
    which = point.WhichOneof("value")
    if which is None:
        return None
    raw = getattr(point, which)
    if which.endswith("_array"):
        return array_of(which, raw.values)
    found = v2.Value()
    setattr(found, which, raw)
    return found


def to_v1(point: v2.Datapoint) -> v1.Datapoint:
    """A datapoint as v1 has it."""
    found = v1.Datapoint(timestamp=point.timestamp)
    which = point.value.WhichOneof("typed_value")
    if which is None:
        return found
    raw = getattr(point.value, which)
    if which.endswith("_array"):
        array = getattr(found, which)
        array.SetInParent()
        array.values.extend(raw.values)
    else:
        setattr(found, which, raw)
    return found


def _scalar(kind: DataKind, value: Any) -> Value:
    field = kind.field.removesuffix("_array")
    if field == "bool":
        if isinstance(value, bool) or value in {0, 1}:
            return bool(value)
    elif field == "string":
        if isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            return str(value).lower() if isinstance(value, bool) else str(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return _number(kind, field, value)
    raise Refused(Why.WRONG_TYPE, f"{value!r:.80} is no {kind.name}")


def _number(kind: DataKind, field: str, value: float) -> float:
    if field in {"float", "double"}:
        if isinstance(value, int) and abs(value) > FLOAT_MAX:
            raise Refused(Why.TYPE_BOUNDS, f"{kind.name}: a number of {value.bit_length()} bits")
        if field == "float" and math.isfinite(value) and abs(value) > FLOAT_MAX:
            raise Refused(Why.TYPE_BOUNDS, f"{kind.name} = {value!r}")
        return float(value)
    if not math.isfinite(value):
        raise Refused(Why.WRONG_TYPE, f"{value!r} is no {kind.name}")
    whole = round(value)
    assert kind.low is not None
    assert kind.high is not None
    if not kind.low <= whole <= kind.high:
        raise Refused(Why.TYPE_BOUNDS, f"{kind.name} = {value!r:.80}")
    return whole
