"""What became of each field of a plan, in words that are kept; must never carry a value where only a reason is due."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

Setting = float | int | bool | str | tuple[str, ...]
"""What an actuator can be set to; a tuple is a list of words, such as presets."""


class OutcomeKind(Enum):
    """What became of a field."""

    APPLIED = "applied"
    ALREADY = "already"
    CLAMPED = "clamped"
    PARTIAL = "partial"
    SKIPPED = "skipped"
    REFUSED = "refused"
    FAILED = "failed"


class Reason(StrEnum):
    """Why; the words are stable, surfaces translate them."""

    NONE = ""
    # of the vehicle's state
    SPEED_NOT_FRESH = "speed_not_fresh"
    MOVING = "moving"
    STANDSTILL_NOT_FRESH = "standstill_not_fresh"
    NOT_PARKED = "not_parked"
    NOT_SWITCHED_ON = "not_switched_on"
    OCCUPANCY_UNKNOWN = "occupancy_unknown"
    SEAT_EMPTY = "seat_empty"
    BELTED = "belted"
    SEAT_BEHIND = "seat_behind"
    CHILD_LOCK = "child_lock"
    MANUAL_SWITCH = "manual_switch"
    MOVED_BY_HAND = "moved_by_hand"
    # of the plan
    NOT_A_NUMBER = "not_a_number"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    NO_RANGE = "no_range"
    NO_SPEED = "no_speed"
    TOO_COARSE = "too_coarse"
    NO_READBACK = "no_readback"
    NO_ACTUATOR = "no_actuator"
    FORBIDDEN = "forbidden_actuator"
    NEVER = "never_by_plan"
    OTHER_SEAT = "other_seat"
    UNCONFIRMED = "needs_a_tap"
    DEADLINE = "deadline"
    OTHER_PLAN = "other_plan_runs"
    ENDED = "visit_ended"
    # of the way there
    LIMITED_HEATING = "limited_heating"
    NO_PROVIDER = "no_provider"
    ORDER_REFUSED = "order_refused"
    STALLED = "stalled"
    LINK_LOST = "link_lost"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a field: what was wanted, set, and read back at the end, in units of the (first) actuator.

    `reason` is a word of Reason, or the words of whoever clamped or skipped the field.
    """

    field: str
    kind: OutcomeKind
    reason: str = ""
    wanted: Setting | None = None
    set: Setting | None = None
    read_back: Setting | None = None

    @property
    def values(self) -> tuple[Setting | None, Setting | None, Setting | None]:
        """Wanted, set, and read back at the end."""
        return self.wanted, self.set, self.read_back


_GOOD: Final = frozenset({OutcomeKind.APPLIED, OutcomeKind.ALREADY, OutcomeKind.CLAMPED})


def of_field(parts: Sequence[Outcome]) -> Outcome:
    """The outcome of a field whose actuators ended so: what they agree on, otherwise what is worst.

    All good: CLAMPED if any was, ALREADY if all were, else APPLIED. None good: the first that is not SKIPPED, or the
    first. Otherwise PARTIAL, with the reason of the first that is not good.
    """
    first = parts[0]
    good = [part for part in parts if part.kind in _GOOD]
    bad = [part for part in parts if part.kind not in _GOOD]
    if not bad:
        chosen = next((part for part in good if part.kind is OutcomeKind.CLAMPED), None)
        chosen = chosen or next((part for part in good if part.kind is OutcomeKind.APPLIED), first)
        return _told(first, chosen)
    worst = next((part for part in bad if part.kind is not OutcomeKind.SKIPPED), bad[0])
    if good and worst.kind is not OutcomeKind.PARTIAL:
        return Outcome(first.field, OutcomeKind.PARTIAL, worst.reason, first.wanted, first.set, first.read_back)
    return _told(first, worst)


def of_fields(parts: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """One outcome per field, in the order in which fields were named first."""
    grouped: dict[str, list[Outcome]] = {}
    for part in parts:
        grouped.setdefault(part.field, []).append(part)
    return tuple(of_field(found) for found in grouped.values())


def _told(first: Outcome, chosen: Outcome) -> Outcome:
    return Outcome(first.field, chosen.kind, chosen.reason, first.wanted, first.set, first.read_back)


def counts(outcomes: Iterable[Outcome]) -> Mapping[OutcomeKind, int]:
    """How many of each kind; the sum is the number of fields."""
    found = dict.fromkeys(OutcomeKind, 0)
    for outcome in outcomes:
        found[outcome.kind] += 1
    return found
