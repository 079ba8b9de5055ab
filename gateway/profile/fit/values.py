"""What a profile's translation takes and gives, as frozen values; must never hold what one car alone can know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

Setting = float | int | str | tuple[str, ...]
"""What an actuator is set to; a tuple is a list of words, such as presets."""


class Confidence(StrEnum):
    """How sure a translation is, from best to worst.

    EXACT: the raw values of this very model and revision again. CALIBRATED: by the geometry of the models.
    CLASS: by shares of the ranges of two models of one body class, or from a model without a card here.
    NONE: no way; the guest is told.
    """

    EXACT = "exact"
    CALIBRATED = "calibrated"
    CLASS = "class"
    NONE = "none"

    @property
    def rank(self) -> int:
        """0 for the best."""
        return _LADDER.index(self)


_LADDER: Final = tuple(Confidence)


POSTURE: Final = "posture"
MIRRORS: Final = "mirrors"
RADIO: Final = "radio"
HOME: Final = "home"
ZONES: Final = ("driver", "passenger", "rear")
CLIMATE: Final = tuple(f"climate.{zone}" for zone in ZONES)


class Origin(Protocol):
    """Where a value was set: on which model's card, of which revision, and what that car's own readings were."""

    @property
    def card(self) -> str:
        """The card's id; empty for a value that was set in an app."""
        ...

    @property
    def revision(self) -> int:
        """Its revision."""
        ...

    @property
    def raw(self) -> Mapping[str, float | int | str]:
        """Readings of the group's leaves, by path."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """One setting: of which field, on which leaf, in the leaf's unit.

    `clamped`: an end stop or a step too coarse keeps it from what is wanted, and `why` says so in words. `residual`:
    found minus wanted, in the unit of the field.
    """

    field: str
    path: str
    value: Setting
    clamped: bool = False
    why: str = ""
    confidence: Confidence = Confidence.CALIBRATED
    residual: float = 0.0


@dataclass(frozen=True, slots=True)
class Fit:
    """A profile translated for one car.

    `residual_mm`: how far leg and shoulder stay from the guest's, in mm. `residuals`: by field, in its unit, found
    minus wanted. `skipped`: fields that this car cannot follow, with the reason. `confidence`: the worst of what moves.
    """

    targets: tuple[Target, ...] = ()
    residual_mm: float = 0.0
    skipped: tuple[tuple[str, str], ...] = ()
    confidence: Confidence = Confidence.NONE
    residuals: Mapping[str, float] = field(default_factory=dict)
