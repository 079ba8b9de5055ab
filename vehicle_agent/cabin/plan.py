"""A plan: which actuators go where, in which turn, and what is refused beforehand; must never widen a card's range.

Refused here is whatever no state of the vehicle could make right: no range, no number, another's seat, a tap missing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vehicle_agent.cabin.inputs import Inputs
from vehicle_agent.cabin.interlocks import Need
from vehicle_agent.cabin.outcome import Outcome, OutcomeKind, Reason, Setting
from vehicle_agent.cabin.paths import DRIVER_SEAT, Leaf, Moves, leaf_of

DEADLINE_MS: Final = 30_000
AHEAD_MS: Final = 150
"""A motion is ordered so far ahead, in travel time; what takes longer for one step cannot be stopped in time."""
HEATING_PERCENT_MAX: Final = 50
BACKWARD_MM: Final = 30
NOISE: Final = 1e-6
"""What two equal numbers may differ by on their way through a leaf of single precision."""
TEXT_BYTES_MAX: Final = 1_024
WORDS_MAX: Final = 64
_ABSENT: Final = frozenset({Reason.NO_ACTUATOR, Reason.NO_PROVIDER, Reason.NEVER})
NEVER: Final = "never"
PARKED_ONLY: Final = "parked_only"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one actuator may be told. `low`, `high`, `step` in units of the leaf; `speed_per_s` in units per second.

    The leaf holds whole numbers (`whole`), text (`words`), a list of texts (`listed` too), or a truth. `policy`:
    any_time, parked_only or never. `levels`: the only settings there are, where it has such. `exact`: two values that
    differ are never the same, such as places on earth.
    """

    low: float | None = None
    high: float | None = None
    step: float = 0.0
    speed_per_s: float = 0.0
    policy: str = PARKED_ONLY
    readback: bool = True
    whole: bool = False
    words: bool = False
    listed: bool = False
    truth: bool = False
    levels: tuple[float, ...] = ()
    exact: bool = False

    @property
    def tolerance(self) -> float:
        """Two values so close are the same: half a step, or a thousandth of the range where steps are not told."""
        if self.exact:
            return 0.0
        if self.step > 0:
            return self.step / 2
        return (self.high - self.low) / 1_000 if self.low is not None and self.high is not None else 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One target: `clamped` when the vehicle cannot do what the profile says, and `why` in its author's words.

    `sure`: the translation is so good that this may move without a tap.
    """

    field: str
    path: str
    value: Setting
    clamped: bool = False
    why: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a plan is made: the guest's `seat`, and whether the guest tapped (`confirmed`)."""

    seat: str = DRIVER_SEAT
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """An actuator on its way to `value`; `need` is what has to hold, `parked` for what does not move but distracts."""

    number: int
    wanted: Wanted
    leaf: Leaf
    value: Setting
    limits: Limits
    need: Need
    parked: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps by lanes: within a lane one after the other, lanes beside each other. `refused`: what is none."""

    plan_id: str
    deadline_ms: int
    lanes: tuple[tuple[Step, ...], ...]
    refused: tuple[Outcome, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of them."""
        return tuple(step for lane in self.lanes for step in lane)


def build(
    plan_id: str,
    created_ms: int,
    wanted: Sequence[Wanted],
    limits: Mapping[str, Limits],
    inputs: Inputs,
    terms: Terms,
) -> Plan:
    """The plan of these targets, in the vehicle as it stands."""
    refused: list[Outcome] = []
    lanes: dict[str, list[tuple[int, Step]]] = {}
    for number, one in enumerate(wanted):
        reason = _refusal(one, limits.get(one.path), inputs, terms)
        if reason is not Reason.NONE:
            kind = OutcomeKind.SKIPPED if reason in _ABSENT else OutcomeKind.REFUSED
            refused.append(Outcome(one.field, kind, reason, one.value))
            continue
        step = _step(number, one, limits[one.path], inputs, terms)
        lanes.setdefault(step.leaf.lane or step.leaf.path, []).append((_turn(step, inputs), step))
    ordered = tuple(tuple(step for _, step in sorted(lane, key=_by_turn)) for lane in lanes.values())
    return Plan(plan_id, created_ms + DEADLINE_MS, ordered, tuple(refused))


def _by_turn(turned: tuple[int, Step]) -> tuple[int, int]:
    return turned[0], turned[1].number


def _refusal(one: Wanted, limits: Limits | None, inputs: Inputs, terms: Terms) -> Reason:
    leaf = leaf_of(one.path)
    if leaf.moves is Moves.FORBIDDEN:
        return Reason.FORBIDDEN
    if limits is None or one.path not in inputs.known:
        return Reason.NO_ACTUATOR
    if limits.policy == NEVER:
        return Reason.NEVER
    if (leaf.seat and leaf.seat != terms.seat) or (leaf.moves is Moves.MIRROR and terms.seat != DRIVER_SEAT):
        return Reason.OTHER_SEAT
    if leaf.moves.is_motion and inputs.value(one.path) is None:
        return Reason.NO_PROVIDER
    if not leaf.moves.is_motion:
        return _unfit(one.value, limits)
    unsure = Reason.NONE if one.sure or terms.confirmed else Reason.UNCONFIRMED
    return _unfit(one.value, limits) or _immovable(limits) or unsure


def _unfit(value: Setting, limits: Limits) -> Reason:
    """Why a value is none for this actuator."""
    if isinstance(value, str | tuple):
        words = (value,) if isinstance(value, str) else value
        if not limits.words or limits.listed is isinstance(value, str) or len(words) > WORDS_MAX:
            return Reason.WRONG_TYPE
        long = any(len(word.encode("utf-8", "surrogatepass")) > TEXT_BYTES_MAX for word in words)
        return Reason.OUT_OF_RANGE if long else Reason.NONE
    if limits.words or isinstance(value, bool) is not limits.truth:
        return Reason.WRONG_TYPE
    if limits.truth:
        return Reason.NONE
    if not math.isfinite(value):
        return Reason.NOT_A_NUMBER
    if limits.low is None or limits.high is None or not limits.low <= limits.high:
        return Reason.NO_RANGE
    return Reason.NONE if limits.low <= value <= limits.high else Reason.OUT_OF_RANGE


def _immovable(limits: Limits) -> Reason:
    if not limits.readback:
        return Reason.NO_READBACK
    if not limits.speed_per_s > 0:
        return Reason.NO_SPEED
    if max(limits.step, limits.whole) > limits.speed_per_s * AHEAD_MS / 1_000:
        return Reason.TOO_COARSE
    return Reason.NONE


def _step(number: int, one: Wanted, limits: Limits, inputs: Inputs, terms: Terms) -> Step:
    leaf, value, reason = leaf_of(one.path), one.value, one.why if one.clamped else ""
    if limits.whole and isinstance(value, float):
        value = round(value)
    if leaf.moves is Moves.HEAT and _number(value) > HEATING_PERCENT_MAX:
        value, reason = _warmest(limits), Reason.LIMITED_HEATING
    moves = Moves.COMFORT if leaf.moves is Moves.HEAT and _number(value) <= 0 else leaf.moves
    here = _number(inputs.value(one.path), _number(value))
    backward = leaf.part == "Position" and _number(value) - here > BACKWARD_MM
    need = Need(moves, leaf.seat, backward, terms.confirmed)
    return Step(number, one, leaf, value, limits, need, limits.policy == PARKED_ONLY, reason)


def _warmest(limits: Limits) -> Setting:
    """The most heat that is allowed, among what the car has."""
    if limits.levels:
        return max((level for level in limits.levels if 0 <= level <= HEATING_PERCENT_MAX), default=0)
    low, step = limits.low or 0.0, limits.step or 1.0
    found = low + (HEATING_PERCENT_MAX - low) // step * step
    return round(found) if limits.whole else found


def _turn(step: Step, inputs: Inputs) -> int:
    """When in its lane: first what makes room, then the column, at last what takes room."""
    change = _number(step.value) - _number(inputs.value(step.leaf.path))
    match step.leaf.part:
        case "Position":
            return 0 if change > 0 else 5
        case "Backrest.Recline":
            return 1 if change > 0 else 4
    return 2 if step.leaf.moves is Moves.COLUMN else 3


def _number(value: Setting | None, otherwise: float = 0.0) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def skipped(fields: Iterable[tuple[str, str]]) -> tuple[Outcome, ...]:
    """Fields that whoever translated them left out, with the reason."""
    return tuple(Outcome(field, OutcomeKind.SKIPPED, reason) for field, reason in fields)
