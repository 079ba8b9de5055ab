"""One step of a plan: its states, where it goes next, and when it counts as there; must never decide for its lane."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from vehicle_agent.cabin.outcome import Outcome, OutcomeKind, Reason, Setting
from vehicle_agent.cabin.plan import AHEAD_MS, NOISE, Step

TICK_MS: Final = 100
ABORT_MS: Final = 200
STALL_MS: Final = 1_000


class State(Enum):
    """Where a step is."""

    WAITING = "waiting"
    UNDER_WAY = "under way"
    THERE = "there"
    ALREADY = "already there"
    REFUSED = "refused"
    FAILED = "failed"


class Word(Enum):
    """What happens to a step."""

    BEGIN = "begin"
    ARRIVE = "arrive"
    STOP = "stop"


MOVES: Final[Mapping[tuple[State, Word], State]] = {
    (State.WAITING, Word.BEGIN): State.UNDER_WAY,
    (State.WAITING, Word.ARRIVE): State.ALREADY,
    (State.WAITING, Word.STOP): State.REFUSED,
    (State.UNDER_WAY, Word.ARRIVE): State.THERE,
    (State.UNDER_WAY, Word.STOP): State.FAILED,
}
"""All moves that there are; what has ended never goes on."""
OPEN: Final = frozenset({State.WAITING, State.UNDER_WAY})


@dataclass(frozen=True, slots=True)
class Order:
    """An order for the databroker, of a step of a plan or of none (-1)."""

    path: str
    value: Setting
    step: int = -1
    plan_id: str = ""


@dataclass(slots=True)
class Going:
    """A step and how far it is."""

    step: Step
    state: State = State.WAITING
    reason: Reason = Reason.NONE
    ordered: Setting | None = None
    ordered_ms: int = 0
    asked: bool = False
    taken: bool = False
    begun_ms: int = -1
    ended_ms: int = -1
    mark: Setting | None = None
    mark_ms: int = 0
    read_back: Setting | None = None

    def move(self, word: Word, now_ms: int, reason: Reason = Reason.NONE) -> None:
        """Another state; KeyError for a move that there is not."""
        self.state, self.reason = MOVES[self.state, word], reason
        if self.state is State.UNDER_WAY:
            self.begun_ms = self.mark_ms = now_ms
        else:
            self.ended_ms = now_ms


def arrived(step: Step, here: Setting | None) -> bool:
    """Whether an actuator is where it should be."""
    if isinstance(here, bool) or isinstance(step.value, bool) or not isinstance(here, int | float):
        return here is not None and here == step.value
    return isinstance(step.value, int | float) and abs(here - step.value) <= step.limits.tolerance + NOISE


def settled(going: Going, here: Setting | None, now_ms: int) -> bool:
    """Whether a motion has ended: near its end it may still go on, and a whole number hides the last half."""
    limits = going.step.limits
    if going.state is State.WAITING or not going.step.leaf.moves.is_motion:
        return True
    if here == going.step.value and not limits.whole:
        return True
    half_ms = 600 / limits.speed_per_s if limits.whole else 0
    return here == going.mark and now_ms - going.mark_ms >= max(TICK_MS, half_ms)


def waypoint(step: Step, here: float) -> float:
    """The next place on the way: AHEAD_MS of travel further, at least one step of it, never beyond the end."""
    assert isinstance(step.value, int | float), "a motion goes to a number"
    limits = step.limits
    reach = max(limits.speed_per_s * AHEAD_MS / 1_000, limits.step)
    if limits.whole:
        reach = max(int(reach), 1)
    left = step.value - here
    if abs(left) <= reach:
        return step.value
    next_up = here + reach if left > 0 else here - reach
    return round(next_up) if limits.whole else next_up


def stuck(going: Going, here: Setting | None, now_ms: int) -> Reason:
    """Whether it stands for too long, or goes the other way."""
    if here != going.mark:
        if going.step.leaf.moves.is_motion and _away(going, here):
            return Reason.MOVED_BY_HAND
        going.mark, going.mark_ms = here, now_ms
    return Reason.STALLED if now_ms - going.mark_ms >= STALL_MS else Reason.NONE


def _away(going: Going, here: Setting | None) -> bool:
    end, mark = going.step.value, going.mark
    if not isinstance(end, int | float) or not isinstance(mark, int | float) or not isinstance(here, int | float):
        return False
    return abs(end - here) - abs(end - mark) > 2 * going.step.limits.tolerance + NOISE


def outcome(going: Going) -> Outcome:
    """What became of an actuator."""
    step, one = going.step, going.step.wanted
    here = going.read_back if step.limits.readback else None
    value = going.ordered
    match going.state:
        case State.THERE | State.ALREADY:
            kind = OutcomeKind.APPLIED if going.state is State.THERE else OutcomeKind.ALREADY
            kind = OutcomeKind.CLAMPED if step.reason or one.clamped else kind
            return Outcome(one.field, kind, step.reason, one.value, step.value, here)
        case State.REFUSED:
            return Outcome(one.field, OutcomeKind.REFUSED, going.reason, one.value, None, here)
    if going.reason is Reason.NO_PROVIDER and not going.taken:
        return Outcome(one.field, OutcomeKind.SKIPPED, going.reason, one.value, None, here)
    return Outcome(one.field, OutcomeKind.FAILED, going.reason, one.value, value, here)
