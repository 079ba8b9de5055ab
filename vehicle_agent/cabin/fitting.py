"""What the cabin takes of a translated profile and of a vehicle card; must never read more into them than they say."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from vehicle_agent.cabin.outcome import Setting
from vehicle_agent.cabin.paths import PRIVATE, Moves, leaf_of
from vehicle_agent.cabin.plan import Limits, Wanted

RESIDUAL_MM_MAX: Final = 25.0
"""A posture that misses the guest's by more moves only after a tap."""
EXACT: Final = "exact"
CALIBRATED: Final = "calibrated"


class CardActuator(Protocol):
    """An actuator of a vehicle card: range and step in the unit of its leaf, speed in units per second."""

    @property
    def low(self) -> float | None:
        """Least setting; None: no range is configured."""
        ...

    @property
    def high(self) -> float | None:
        """Largest setting."""
        ...

    @property
    def step(self) -> float | None:
        """Settings are multiples of it."""
        ...

    @property
    def speed_per_s(self) -> float | None:
        """How fast it travels."""
        ...

    @property
    def policy(self) -> object:
        """any_time, parked_only or never."""
        ...

    @property
    def levels(self) -> tuple[float, ...]:
        """The only settings that it knows; empty: all of its range."""
        ...

    @property
    def readback(self) -> bool:
        """Whether its leaf shows where it is."""
        ...


class Card(Protocol):
    """A vehicle card."""

    @property
    def actuators(self) -> Mapping[str, CardActuator]:
        """By path."""
        ...


class Target(Protocol):
    """One setting of a translated profile."""

    @property
    def field(self) -> str:
        """The field or group that it belongs to."""
        ...

    @property
    def path(self) -> str:
        """The leaf."""
        ...

    @property
    def value(self) -> Setting:
        """Its setting."""
        ...

    @property
    def clamped(self) -> bool:
        """Whether the vehicle cannot do what was wanted."""
        ...

    @property
    def why(self) -> str:
        """In the translator's words."""
        ...


class Fit(Protocol):
    """A profile translated for this vehicle."""

    @property
    def targets(self) -> Sequence[Target]:
        """What is to be set."""
        ...

    @property
    def residual_mm(self) -> float:
        """How far the posture stays from the guest's."""
        ...

    @property
    def skipped(self) -> Iterable[tuple[str, str]]:
        """Fields that were left out, with the reason."""
        ...

    @property
    def confidence(self) -> object:
        """EXACT, CALIBRATED, CLASS or NONE."""
        ...


def limits_of(card: Card) -> dict[str, Limits]:
    """What each actuator of a card may be told; types come from the databroker."""
    return {
        path: Limits(
            low=one.low,
            high=one.high,
            step=one.step or 0.0,
            speed_per_s=one.speed_per_s or 0.0,
            policy=_word(one.policy),
            readback=one.readback,
            levels=one.levels,
            exact=path.startswith(PRIVATE),
        )
        for path, one in card.actuators.items()
    }


def wanted_of(fit: Fit) -> list[Wanted]:
    """The targets, in their order; a list of words as a tuple.

    Without a tap seats move when their translation is EXACT or CALIBRATED and close, mirrors only when it is EXACT.
    """
    near = fit.residual_mm <= RESIDUAL_MM_MAX
    found = []
    for one in fit.targets:
        confidence = _word(getattr(one, "confidence", fit.confidence))
        sure = confidence == EXACT or (confidence == CALIBRATED and leaf_of(one.path).moves is not Moves.MIRROR)
        found.append(Wanted(one.field, one.path, _setting(one.value), one.clamped, one.why, sure and near))
    return found


def _setting(value: Setting | list[str]) -> Setting:
    return tuple(value) if isinstance(value, list) else value


def _word(value: object) -> str:
    """The word of an enumeration's member, or the word itself."""
    found = getattr(value, "value", value)
    return (found if isinstance(found, str) else str(getattr(value, "name", value))).lower()
