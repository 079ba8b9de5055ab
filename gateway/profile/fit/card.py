"""A vehicle card: what one model can be set to and how it is built; must never be changed once it is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import floor, isclose

from gateway.profile.fit.leaves import seat_of


class Policy(StrEnum):
    """When an actuator may be set."""

    ANY_TIME = "any_time"
    PARKED_ONLY = "parked_only"
    NEVER = "never"


class DriveSide(StrEnum):
    """Where the driver sits, looking forward."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Actuator:
    """One actuator. `low`, `high`, `step` are in `unit`, `speed_per_s` in units per second; None where it takes words.

    `levels`: the only settings that it knows, ascending. `words`: the only words. `whole`: it takes whole numbers.
    """

    path: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    speed_per_s: float | None = None
    policy: Policy = Policy.PARKED_ONLY
    readback: bool = True
    levels: tuple[float, ...] = ()
    words: tuple[str, ...] = ()
    whole: bool = False

    @property
    def seat(self) -> str | None:
        """The seat that it is of, such as `Row1.DriverSide`; None for all else."""
        return seat_of(self.path)

    @property
    def ends(self) -> tuple[float, float]:
        """Least and largest setting; only for what takes numbers."""
        assert self.low is not None, f"{self.path} takes no numbers"
        assert self.high is not None, f"{self.path} takes no numbers"
        return self.low, self.high

    def clamp(self, value: float) -> float:
        """The nearest value between the end stops."""
        low, high = self.ends
        return min(max(value, low), high)

    def snap(self, value: float) -> float:
        """The nearest setting that it knows: within the end stops and on a step."""
        if self.levels:
            return _plain(min(self.levels, key=lambda level: (abs(level - value), abs(level))))
        low, high = self.ends
        value = min(max(value, low), high)
        if not self.step:
            return _plain(value, self.whole)
        steps = floor((value - low) / self.step + 0.5)
        if low + steps * self.step > high + 1e-9:
            steps -= 1
        return _plain(round(low + steps * self.step, 6), self.whole)

    def snap_toward_zero(self, value: float) -> float:
        """The nearest setting that is not stronger than `value`: for heating and cooling, where less is safe."""
        found = self.snap(value)
        if abs(found) <= abs(value) or isclose(found, value):
            return found
        if self.levels:
            weaker = [level for level in self.levels if abs(level) <= abs(value) and level * value >= 0]
            return _plain(max(weaker, key=abs)) if weaker else found
        step = self.step or 1.0
        return self.snap(found - step if found > 0 else found + step)


def _plain(value: float, whole: bool = False) -> float:
    """A whole number as int, so that a leaf of that type takes it."""
    return int(value) if whole or float(value).is_integer() else value


@dataclass(frozen=True, slots=True)
class WheelGeometry:
    """The steering column, in mm behind and above the heel point and degrees above the horizontal.

    The wheel's centre lies `column_mm` from the pivot, and up to `extension_mm` more at 100 percent. VSS counts Tilt
    from the lowest (`low_deg`) to the highest position (`high_deg`). SAE J1100 calls the centre's place L11 and H17.
    """

    pivot_x_mm: float
    pivot_z_mm: float
    column_mm: float
    extension_mm: float
    low_deg: float
    high_deg: float
    design_deg: float


@dataclass(frozen=True, slots=True)
class MirrorGeometry:
    """An outside mirror: its middle in mm behind and above the heel point, and beside the driver's middle.

    `zero_*_deg`: where its face looks at 0 percent, outwards and upwards from straight back. `*_deg_per_pct`: how far
    a percent turns it.
    """

    x_mm: float
    z_mm: float
    beside_mm: float
    zero_out_deg: float
    zero_up_deg: float
    yaw_deg_per_pct: float
    tilt_deg_per_pct: float


@dataclass(frozen=True, slots=True)
class Geometry:
    """How the driver's place is built: mm behind (x) and above (z) the accelerator heel point, angles in degrees.

    Terms of SAE J1100: H-point, heel point (AHP), H30 its height, A40 the torso's, A27 the cushion's angle. `hip_*`:
    the H-point with Position, Height and Tilt at 0. `rail_deg`: how steeply the rails fall towards the rear.
    `lift_forward`: mm that the H-point goes forward for each mm of lift. `pivot_*`: the H-point behind and above the
    axis of Tilt. `design_*`: the seating reference point (SgRP) and its angles, around which the model was drawn.
    """

    hip_x_mm: float
    hip_z_mm: float
    rail_deg: float
    lift_forward: float
    pivot_x_mm: float
    pivot_z_mm: float
    cushion_deg: float
    torso_deg: float
    cushion_length_mm: float
    lumbar_mm: float
    headrest_mm: float
    design_hip_z_mm: float
    design_cushion_deg: float
    design_torso_deg: float
    wheel: WheelGeometry | None = None
    mirrors: Mapping[str, MirrorGeometry] = field(default_factory=dict)
    """By `driver` and `passenger`."""


@dataclass(frozen=True, slots=True)
class Station:
    """A station that can be received here: one name, and the keys under which each band carries it."""

    name: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Radio:
    """The tuner: its bands (FM, DAB, ONLINE), how many presets it holds, the FM band in kHz with its raster."""

    bands: tuple[str, ...] = ()
    presets_max: int = 0
    fm_low_khz: int = 87_500
    fm_high_khz: int = 108_000
    fm_step_khz: int = 100
    stations: tuple[Station, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A model of a brand, at one revision of its geometry and ranges.

    `zones`: leaves of the climate zones by `driver`, `passenger`, `rear`, as prefix of their path. `features`: words
    such as memory_seat that no leaf tells. `vss_major`: the VSS whose signs and names its leaves have.
    """

    id: str
    revision: int
    model: str
    body: str
    drive_side: DriveSide
    vss_major: int
    actuators: Mapping[str, Actuator]
    zones: Mapping[str, str]
    geometry: Geometry | None = None
    radio: Radio = Radio()
    features: frozenset[str] = frozenset()

    def actuator(self, path: str) -> Actuator | None:
        """That actuator, when this model has it and may be asked to set it."""
        found = self.actuators.get(path)
        return None if found is None or found.policy is Policy.NEVER else found
