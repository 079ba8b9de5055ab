"""What happens on a floor at one moment, for displays; must never hold a tag, an address or a whole handle."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gateway.errors import InputError

MARKS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class HubMark:
    """A hub in its place of the plan, in metres. `trouble`: why it is deaf or not believed; empty if it is well."""

    id: str
    x_m: float
    y_m: float
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class CarMark:
    """A car. `there`: `present`, `absent`, `unknown`, or empty before anything is known; `ring`: its outline now."""

    id: str
    there: str
    ring: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class GuestMark:
    """A visit that is located, by the first half of its handle. `vehicle`: where he is led to."""

    visit: str
    x_m: float
    y_m: float
    radius_m: float
    confidence: float
    zone: str
    source: str
    vehicle: str = ""
    modes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FloorState:
    """A floor at `at_ms` of the site's clock. `hidden`: guests of whom no place is known, or may be."""

    at_ms: int
    hubs: tuple[HubMark, ...] = ()
    cars: tuple[CarMark, ...] = ()
    guests: tuple[GuestMark, ...] = ()
    hidden: int = 0
    warnings: tuple[str, ...] = ()
    """What is wrong with the floor as a whole, in words."""

    def as_json(self) -> dict[str, Any]:
        """What JSON can say, and `read_state` reads."""
        return asdict(self)


def read_state(said: Any) -> FloorState:
    """A state that came as JSON; raises InputError for anything else."""
    try:
        hubs = tuple(
            HubMark(str(one["id"]), float(one["x_m"]), float(one["y_m"]), str(one["trouble"]))
            for one in _some(said["hubs"])
        )
        cars = tuple(CarMark(str(one["id"]), str(one["there"]), _ring(one["ring"])) for one in _some(said["cars"]))
        guests = tuple(map(_guest, _some(said["guests"])))
        warnings = tuple(str(words) for words in said["warnings"])
        return FloorState(int(said["at_ms"]), hubs, cars, guests, int(said["hidden"]), warnings)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError("that is no state of a floor: are site and map of the same version?") from error


def _some(value: Any) -> Iterable[Mapping[str, Any]]:
    if not isinstance(value, list) or len(value) > MARKS_MAX:
        raise ValueError(f"a list of at most {MARKS_MAX:,}")
    return value


def _guest(one: Mapping[str, Any]) -> GuestMark:
    x_m, y_m, radius_m, confidence = (float(one[name]) for name in ("x_m", "y_m", "radius_m", "confidence"))
    visit, zone, source, vehicle = (str(one[name]) for name in ("visit", "zone", "source", "vehicle"))
    modes = tuple(str(mode) for mode in one["modes"])
    return GuestMark(visit, x_m, y_m, radius_m, confidence, zone, source, vehicle, modes)


def _ring(value: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in value)
