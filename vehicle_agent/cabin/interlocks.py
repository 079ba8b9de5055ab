"""Whether something may move or warm now; must never ask the cloud, a clock, or a signal that it was not given.

A second line: the seat's and the column's own control units stay responsible for what happens to a person (ISO 26262
is theirs). A signal that is missing, old or not understood counts against the motion.
"""

from dataclasses import dataclass
from typing import Final

from vehicle_agent.cabin import paths
from vehicle_agent.cabin.inputs import Inputs
from vehicle_agent.cabin.outcome import Reason
from vehicle_agent.cabin.paths import Moves

OCCUPIED: Final = "OCCUPIED"
EMPTY: Final = "EMPTY"
SWITCHED_ON: Final = frozenset({"ACC", "ON"})
CAR_WIDE: Final = frozenset(
    {Reason.SPEED_NOT_FRESH, Reason.MOVING, Reason.STANDSTILL_NOT_FRESH, Reason.NOT_PARKED, Reason.NOT_SWITCHED_ON}
)
"""What ends every motion in the car, not only this one."""


@dataclass(frozen=True, slots=True)
class Need:
    """What is to happen: `backward`: a seat moves towards whoever sits behind; `confirmed`: the guest tapped."""

    moves: Moves
    seat: str = ""
    backward: bool = False
    confirmed: bool = False


def bar(inputs: Inputs, now_ms: int, need: Need) -> Reason:
    """What forbids it now; NONE when nothing does."""
    if need.moves.is_motion:
        return standing(inputs, now_ms) or _seated(inputs, now_ms, need)
    if need.moves is Moves.HEAT:
        return _warm(inputs, now_ms, need)
    return Reason.FORBIDDEN if need.moves is Moves.FORBIDDEN else Reason.NONE


def standing(inputs: Inputs, now_ms: int) -> Reason:
    """What says that the vehicle may move; NONE when it stands still and is held, both for sure."""
    speed = inputs.fresh(paths.SPEED, now_ms)
    if speed is None or not isinstance(speed, int | float) or isinstance(speed, bool):
        return Reason.SPEED_NOT_FRESH
    if speed != 0:  # also NaN
        return Reason.MOVING
    moving = inputs.value(paths.IS_MOVING)
    if moving is not None and moving is not False:
        return Reason.MOVING
    if moving is False and inputs.fresh(paths.IS_MOVING, now_ms) is None:
        return Reason.STANDSTILL_NOT_FRESH
    if not parked(inputs, now_ms):
        return Reason.NOT_PARKED
    ignition = inputs.value(paths.IGNITION)
    return Reason.NONE if ignition is None or ignition in SWITCHED_ON else Reason.NOT_SWITCHED_ON


def parked(inputs: Inputs, now_ms: int) -> bool:
    """Whether the gear, the park lock or the parking brake holds the vehicle."""
    gear = inputs.fresh(paths.GEAR, now_ms)
    if gear == paths.GEAR_PARK and not isinstance(gear, bool):
        return True
    return inputs.fresh(paths.PARK_LOCK, now_ms) is True or inputs.fresh(paths.PARKING_BRAKE, now_ms) is True


def _seated(inputs: Inputs, now_ms: int, need: Need) -> Reason:
    """What of who sits where forbids a motion of a seat, or of the column towards one."""
    if need.moves is Moves.MIRROR:
        return Reason.NONE
    for switch in paths.switches(need.seat):
        if inputs.value(switch) is True:
            return Reason.MANUAL_SWITCH
    known = inputs.fresh(paths.occupancy(need.seat), now_ms) in {OCCUPIED, EMPTY}
    in_the_back = not need.seat.startswith("Row1.")
    if in_the_back and any(inputs.value(lock) is True for lock in paths.child_locks(need.seat)):
        return Reason.CHILD_LOCK
    if not known and (in_the_back or not need.confirmed):
        return Reason.OCCUPANCY_UNKNOWN
    if need.seat == paths.DRIVER_SEAT and not need.confirmed and inputs.value(paths.belted(need.seat)) is True:
        return Reason.BELTED
    return _free_behind(inputs, now_ms, need)


def _free_behind(inputs: Inputs, now_ms: int, need: Need) -> Reason:
    other = paths.behind(need.seat) if need.backward and need.moves is Moves.SEAT else ""
    if not other:
        return Reason.NONE
    there = inputs.fresh(paths.occupancy(other), now_ms)
    if there == EMPTY:
        return Reason.NONE
    # Who taps has looked behind; what the car says about a person there stands against it at any age.
    told = inputs.value(paths.occupancy(other))
    return Reason.NONE if need.confirmed and told != OCCUPIED else Reason.SEAT_BEHIND


def _warm(inputs: Inputs, now_ms: int, need: Need) -> Reason:
    """An empty seat is never heated, nor one of which nobody knows."""
    there = inputs.fresh(paths.occupancy(need.seat), now_ms)
    if there == OCCUPIED:
        return Reason.NONE
    return Reason.SEAT_EMPTY if there == EMPTY else Reason.OCCUPANCY_UNKNOWN
