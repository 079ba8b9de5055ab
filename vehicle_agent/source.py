"""Where readings come from: the seam that any source of vehicle signals fits; must never know a plan or a store."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gateway.config import did_you_mean
from gateway.errors import ConfigError
from gateway.model import Value, ValueType

if TYPE_CHECKING:
    from vehicle_agent.settings import VehicleAgentSettings

GROUP = "forecourt.sources"


@dataclass(frozen=True, slots=True)
class SignalInfo:
    """What a source knows of a signal. `low` and `high` are included; `allowed` is empty where any value is."""

    type: ValueType
    unit: str = ""
    low: float | None = None
    high: float | None = None
    allowed: frozenset[Value] = frozenset()


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a source cannot give a signal, and what somebody could do."""

    why: str


class Reading(NamedTuple):
    """One datapoint of a signal, by its position in the paths that were asked for.

    `ts_us`: microseconds since 1970 UTC as the source dated it, None where it did not. `value`: None where the signal
    has no value (any more).
    """

    signal: int
    ts_us: int | None
    value: Value | None


class SignalSource(Protocol):
    """A source of signals, made by `factory(settings)` of an entry point in the group forecourt.sources.

    The agent calls `describe`, then iterates `readings` until that ends or fails, waits, and begins again: a source
    need not connect again by itself. It may have an attribute `counters` (a Counter of words), which is shown with
    those of the agent. Tests for it: gateway.contracts.source.
    """

    async def describe(self, paths: Sequence[str]) -> Mapping[str, SignalInfo | Missing]:
        """Type, unit and bounds of every path that is asked for; raises LinkError when the source cannot be reached."""
        ...

    def readings(self, paths: Sequence[str]) -> AsyncGenerator[Sequence[Reading], None]:
        """Readings as they come, the present values first; ends or raises LinkError when the connection does.

        `paths` are those of the last `describe` that were not Missing. Nothing is skipped while the consumer keeps up.
        """
        ...

    async def aclose(self) -> None:
        """Ends the iteration and gives everything back."""
        ...


def open_source(settings: "VehicleAgentSettings") -> SignalSource:
    """The source that the settings name; raises ConfigError when no installed package brings it.

    Blocks: it looks through the installed packages, so not for the loop.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    name = settings.vehicle.source
    if name not in points:
        raise ConfigError(f"vehicle.source: there is no source {name!r}; {did_you_mean(name, points)}")
    source: SignalSource = points[name].load()(settings)
    return source
