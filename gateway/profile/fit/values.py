"""What a profile's translation takes and gives, as frozen values; must never hold what one car alone can know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

Setting = float | int | str | tuple[str, ...]
"""What an actuator is set to; a tuple is a list of words, such as presets."""
FieldValue = float | int | str | Sequence[str]
"""What a field of a profile holds."""


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


@dataclass(frozen=True, slots=True)
class Term:
    """A field of the profile in terms that no model decides: its group, unit, kind (float, int, text, list), bounds."""

    key: str
    group: str
    unit: str = ""
    kind: str = "float"
    low: float | None = None
    high: float | None = None


POSTURE: Final = "posture"
MIRRORS: Final = "mirrors"
RADIO: Final = "radio"
HOME: Final = "home"
ZONES: Final = ("driver", "passenger", "rear")
CLIMATE: Final = tuple(f"climate.{zone}" for zone in ZONES)


def _climate() -> list[Term]:
    found = []
    for zone in ZONES:
        group = f"climate.{zone}"
        found += [
            Term(f"{group}.temperature_c", group, "celsius", "float", 10, 35),
            Term(f"{group}.fan_pct", group, "percent", "float", 0, 100),
            Term(f"{group}.seat_heating_pct", group, "percent", "float", -100, 100),
        ]
    return found


TERMS: Final[Mapping[str, Term]] = {
    term.key: term
    for term in (
        Term("seat.leg_mm", POSTURE, "mm", "float", 300, 1_400),
        Term("seat.hip_height_mm", POSTURE, "mm", "float", 50, 700),
        Term("seat.torso_deg", POSTURE, "degrees", "float", -10, 60),
        Term("seat.cushion_deg", POSTURE, "degrees", "float", -10, 40),
        Term("seat.cushion_length_mm", POSTURE, "mm", "float", 300, 700),
        Term("seat.lumbar_depth_pct", POSTURE, "percent", "float", 0, 100),
        Term("seat.lumbar_height_mm", POSTURE, "mm", "float", 0, 400),
        Term("seat.headrest_mm", POSTURE, "mm", "float", 400, 1_000),
        Term("wheel.tilt_deg", POSTURE, "degrees", "float", 0, 80),
        Term("wheel.reach_mm", POSTURE, "mm", "float", 100, 1_200),
        Term("mirror.driver_view_out_deg", MIRRORS, "degrees", "float", -60, 60),
        Term("mirror.driver_view_up_deg", MIRRORS, "degrees", "float", -60, 60),
        Term("mirror.passenger_view_out_deg", MIRRORS, "degrees", "float", -60, 60),
        Term("mirror.passenger_view_up_deg", MIRRORS, "degrees", "float", -60, 60),
        *_climate(),
        Term("climate.air_distribution", "climate.driver", "", "text"),
        Term("radio.band", RADIO, "", "text"),
        Term("radio.frequency_khz", RADIO, "kHz", "int", 150, 300_000),
        Term("radio.service_id", RADIO, "", "text"),
        Term("radio.presets", RADIO, "", "list"),
        Term("radio.volume_pct", RADIO, "percent", "float", 0, 100),
        Term("home.address", HOME, "", "text"),
        Term("home.latitude", HOME, "degrees", "float", -90, 90),
        Term("home.longitude", HOME, "degrees", "float", -180, 180),
    )
}
"""Every field that translation reads and writes, by key."""


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
    def raw(self) -> Mapping[str, Setting]:
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
