"""The cabin's hands on KUKSA: samples and orders over kuksa.val.v2; must never keep an order to try it again.

An order is answered at once or it is lost: no queue, no waiting for a connection, a deadline on every call.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import grpc
import grpc.aio
from forecourt.kuksa.v2 import val_pb2 as v2

from gateway.errors import LinkError
from vehicle_agent.cabin.outcome import Reason, Setting
from vehicle_agent.cabin.paths import leaf_of
from vehicle_agent.cabin.plan import Limits
from vehicle_agent.kuksa import KuksaSource
from vehicle_agent.kuksa_values import info_of, reading_of
from vehicle_agent.settings import DatabrokerSettings
from vehicle_agent.source import SignalInfo

MOTION_TIMEOUT_S: Final = 0.2
COMFORT_TIMEOUT_S: Final = 1.0
_FIELDS: Final = {
    v2.DATA_TYPE_STRING: "string",
    v2.DATA_TYPE_BOOLEAN: "bool",
    v2.DATA_TYPE_FLOAT: "float",
    v2.DATA_TYPE_DOUBLE: "double",
    v2.DATA_TYPE_STRING_ARRAY: "string_array",
    v2.DATA_TYPE_INT64: "int64",
    v2.DATA_TYPE_UINT64: "uint64",
    **dict.fromkeys((v2.DATA_TYPE_INT8, v2.DATA_TYPE_INT16, v2.DATA_TYPE_INT32), "int32"),
    **dict.fromkeys((v2.DATA_TYPE_UINT8, v2.DATA_TYPE_UINT16, v2.DATA_TYPE_UINT32), "uint32"),
}
_WHOLE: Final = frozenset({"int32", "int64", "uint32", "uint64"})


class Heard(NamedTuple):
    """One sample: `ts_us` is its own stamp, None without one."""

    path: str
    value: Setting | None
    ts_us: int | None


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What the databroker knows of the paths that were asked for: which of them, and which only when they change."""

    known: frozenset[str]
    on_change: frozenset[str]


class CabinLink:
    """One databroker. `connect`, then iterate `samples` and give orders meanwhile."""

    def __init__(self, settings: DatabrokerSettings) -> None:
        self._source = KuksaSource(settings)

    async def connect(self, paths: Sequence[str]) -> Vehicle:
        """A new connection. Raises LinkError."""
        infos = await self._source.describe(paths)
        metadata = self._source.metadata
        lists = {path for path, entry in metadata.items() if entry.data_type == v2.DATA_TYPE_STRING_ARRAY}
        known = frozenset(path for path in paths if isinstance(infos[path], SignalInfo) or path in lists)
        on_change = frozenset(path for path in known if metadata[path].entry_type != v2.ENTRY_TYPE_SENSOR)
        return Vehicle(known, on_change)

    def narrowed(self, limits: Mapping[str, Limits]) -> dict[str, Limits]:
        """Limits of a card, no wider than what the databroker takes, with the types that it has."""
        found = {}
        for path, one in limits.items():
            entry = self._source.metadata.get(path)
            found[path] = one if entry is None else _narrowed(one, entry)
        return found

    async def samples(self, paths: Sequence[str]) -> AsyncGenerator[Sequence[Heard], None]:
        """Present values, then what is published. Raises LinkError at the end."""
        async with aclosing(self._source.points(paths)) as messages:
            async for points in messages:
                yield [_heard(path, point) for path, point in points.items()]

    async def order(self, path: str, value: Setting) -> Reason:
        """Tells the actuator's provider, through the databroker; NONE when it was handed over."""
        entry = self._source.metadata.get(path)
        field = _FIELDS.get(entry.data_type) if entry is not None else None
        message = _message(field, value) if field is not None else None
        if message is None:
            return Reason.WRONG_TYPE
        timeout_s = MOTION_TIMEOUT_S if leaf_of(path).moves.is_motion else COMFORT_TIMEOUT_S
        try:
            await self._source.actuate(path, message, timeout_s)
        except grpc.aio.AioRpcError as error:
            return _reason(error)
        except LinkError:
            return Reason.LINK_LOST
        return Reason.NONE

    async def aclose(self) -> None:
        """Ends the connection."""
        await self._source.aclose()


def _heard(path: str, point: v2.Datapoint) -> Heard:
    _, ts_us, value = reading_of(0, point)
    if value is None and point.value.WhichOneof("typed_value") == "string_array":
        return Heard(path, tuple(point.value.string_array.values), ts_us)
    return Heard(path, value, ts_us)


def _narrowed(limits: Limits, entry: v2.Metadata) -> Limits:
    field = _FIELDS.get(entry.data_type, "")
    info = info_of(entry)
    low, high = limits.low, limits.high
    if isinstance(info, SignalInfo) and low is not None and high is not None:
        low = low if info.low is None else max(low, info.low)
        high = high if info.high is None else min(high, info.high)
    words = field in {"string", "string_array"}
    typed = replace(limits, whole=field in _WHOLE, words=words, listed=field == "string_array", truth=field == "bool")
    return replace(typed, low=low, high=high)


def _message(field: str, value: Setting) -> v2.Value | None:
    """A setting as the leaf's type has it; None when it is of another type or does not fit."""
    found = v2.Value()
    try:
        if field == "string_array":
            if isinstance(value, str | int | float):
                return None
            found.string_array.SetInParent()
            found.string_array.values.extend(value)
        elif isinstance(value, bool) is not (field == "bool"):
            return None
        else:
            setattr(found, field, round(value) if field in _WHOLE and isinstance(value, float) else value)
    except (TypeError, ValueError):
        return None
    return found


def _reason(error: grpc.aio.AioRpcError) -> Reason:
    if error.code() is grpc.StatusCode.UNAVAILABLE and "rovider" in (error.details() or ""):
        return Reason.NO_PROVIDER
    if error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}:
        return Reason.LINK_LOST
    return Reason.ORDER_REFUSED
