"""What the databroker's messages mean: types, bounds and readings; must never guess a type."""

from typing import Final

from forecourt.kuksa.v2 import val_pb2 as v2

from gateway.model import Value, ValueType
from vehicle_agent.source import Missing, Reading, SignalInfo

_INT_BOUNDS: Final = {
    v2.DATA_TYPE_INT8: (-(1 << 7), (1 << 7) - 1),
    v2.DATA_TYPE_INT16: (-(1 << 15), (1 << 15) - 1),
    v2.DATA_TYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    v2.DATA_TYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    v2.DATA_TYPE_UINT8: (0, (1 << 8) - 1),
    v2.DATA_TYPE_UINT16: (0, (1 << 16) - 1),
    v2.DATA_TYPE_UINT32: (0, (1 << 32) - 1),
    v2.DATA_TYPE_UINT64: (0, (1 << 63) - 1),
}
_OTHER_TYPES: Final = {
    v2.DATA_TYPE_BOOLEAN: ValueType.BOOL,
    v2.DATA_TYPE_FLOAT: ValueType.FLOAT,
    v2.DATA_TYPE_DOUBLE: ValueType.DOUBLE,
    v2.DATA_TYPE_STRING: ValueType.STRING,
}
_PLAIN: Final = frozenset({"string", "bool", "int32", "int64", "uint32", "uint64", "float", "double"})


def info_of(entry: v2.Metadata) -> SignalInfo | Missing:
    """Type, unit and bounds of a signal; arrays and structures cannot be values of events."""
    low, high = _number(entry.min), _number(entry.max)
    bounds = _INT_BOUNDS.get(entry.data_type)
    if bounds is not None:
        low = bounds[0] if low is None else max(low, bounds[0])
        high = bounds[1] if high is None else min(high, bounds[1])
        return SignalInfo(ValueType.INT, entry.unit, low, high, _allowed(entry))
    kind = _OTHER_TYPES.get(entry.data_type)
    if kind is None:
        name = v2.DataType.Name(entry.data_type).removeprefix("DATA_TYPE_").lower()
        return Missing(f"has the type {name}, which an event cannot carry")
    return SignalInfo(kind, entry.unit, low, high, _allowed(entry))


def reading_of(signal: int, point: v2.Datapoint) -> Reading:
    """A datapoint; its value is None where it has none or an array. Called for every reading: microseconds count."""
    typed = point.value
    which = typed.WhichOneof("typed_value")
    value = getattr(typed, which) if which in _PLAIN else None
    if not point.HasField("timestamp"):
        return Reading(signal, None, value)
    stamp = point.timestamp
    return Reading(signal, stamp.seconds * 1_000_000 + stamp.nanos // 1_000, value)


def _number(value: v2.Value) -> float | None:
    """A bound; whole numbers stay whole."""
    which = value.WhichOneof("typed_value")
    found = getattr(value, which) if which is not None else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _allowed(entry: v2.Metadata) -> frozenset[Value]:
    which = entry.allowed_values.WhichOneof("typed_value")
    if which is None or not which.endswith("_array"):
        return frozenset()
    return frozenset(getattr(entry.allowed_values, which).values)
