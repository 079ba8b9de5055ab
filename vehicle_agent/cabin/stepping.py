"""How a plan goes forward, tick by tick; must never order a motion further ahead than it may be seen to go wrong.

A motion is ordered in dead man's steps: each order lies at most AHEAD_MS of travel before the read-back, and the next
one is given only after everything was judged anew. So nothing has to arrive for a seat to stop: a cut cable, a crash of
this process or a signal that stays away ends it by itself. No I/O and no clock: times are given, in milliseconds.
"""

from dataclasses import dataclass, field
from typing import Final

from vehicle_agent.cabin.going import (
    ABORT_MS,
    OPEN,
    TICK_MS,
    Going,
    Order,
    State,
    Word,
    arrived,
    outcome,
    settled,
    stuck,
    waypoint,
)
from vehicle_agent.cabin.inputs import Inputs
from vehicle_agent.cabin.interlocks import CAR_WIDE, bar, standing
from vehicle_agent.cabin.outcome import Outcome, Reason, Setting
from vehicle_agent.cabin.plan import Plan, Step

RUN_WIDE: Final = CAR_WIDE | {Reason.DEADLINE, Reason.ENDED, Reason.LINK_LOST}
LANE_WIDE: Final = frozenset(
    {
        Reason.MANUAL_SWITCH, Reason.MOVED_BY_HAND, Reason.OCCUPANCY_UNKNOWN, Reason.BELTED, Reason.CHILD_LOCK,
        Reason.STALLED,
    }
)  # fmt: skip
"""Ends what takes turns with it too: no second try without another tap."""


@dataclass(slots=True)
class Run:
    """A plan under way. `tick` as often as anything is heard, and every TICK_MS; until `done`."""

    plan: Plan
    begun_ms: int
    motion_from_ms: int = 0
    """What a plan before ordered may still coast until then."""
    end: Reason = Reason.NONE
    lanes: list[list[Going]] = field(init=False)
    first_order_ms: int | None = None
    last_order_ms: int | None = None

    def __post_init__(self) -> None:
        self.lanes = [[Going(step) for step in lane] for lane in self.plan.lanes]

    @property
    def done(self) -> bool:
        """Whether nothing is open any more."""
        return all(going.state not in OPEN for lane in self.lanes for going in lane)

    def stop(self, reason: Reason) -> None:
        """Nothing more is ordered: the next tick ends all that is open."""
        self.end = self.end or reason

    def tick(self, now_ms: int, inputs: Inputs) -> list[Order]:
        """What is to be ordered now."""
        orders: list[Order] = []
        if now_ms >= self.plan.deadline_ms:
            self.stop(Reason.DEADLINE)
        for lane in self.lanes:
            for going in lane:
                if going.state in OPEN:
                    orders += self._advance(lane, going, now_ms, inputs)
                # What stopped on its way may coast to where it was ordered last: nothing of its seat moves meanwhile.
                if going.state in OPEN or (going.state is State.FAILED and now_ms - going.ended_ms < ABORT_MS):
                    break
        return orders

    def answered(self, number: int, reason: Reason, now_ms: int) -> None:
        """The databroker took an order (NONE) or did not."""
        going = self._going(number)
        going.asked, going.taken = False, going.taken or reason is Reason.NONE
        if reason is not Reason.NONE and going.state in OPEN:
            going.move(Word.STOP, now_ms, reason)

    def forbids(self, number: int, now_ms: int, inputs: Inputs) -> Reason:
        """What has come between an order and its going out."""
        going = self._going(number)
        if going.state is not State.UNDER_WAY:
            return going.reason or Reason.ENDED
        return self.end or self._bar(going.step, now_ms, inputs)

    def by_hand(self, touched: frozenset[str], now_ms: int, reason: Reason = Reason.MANUAL_SWITCH) -> None:
        """The guest has a hand on a control of these leaves: all that takes turns with them ends."""
        for lane in self.lanes:
            if any(going.step.leaf.path in touched and going.state in OPEN for going in lane):
                self._end_lane(lane, reason, now_ms)

    def _going(self, number: int) -> Going:
        return next(one for lane in self.lanes for one in lane if one.step.number == number)

    def _advance(self, lane: list[Going], going: Going, now_ms: int, inputs: Inputs) -> list[Order]:
        step = going.step
        here = going.read_back = inputs.value(step.leaf.path)
        if not self.end and step.limits.readback and arrived(step, here) and settled(going, here, now_ms):
            going.move(Word.ARRIVE, now_ms)
            return []
        reason = self.end or self._bar(step, now_ms, inputs)
        if reason is Reason.NONE and going.state is State.UNDER_WAY:
            reason = stuck(going, here, now_ms)
        if reason is not Reason.NONE:
            if going.state is State.UNDER_WAY and arrived(step, here) and step.leaf.moves.is_motion:
                going.move(Word.ARRIVE, now_ms)
            else:
                self._stopped(lane, going, reason, now_ms)
            return []
        if going.state is State.WAITING:
            if step.leaf.moves.is_motion and now_ms < self.motion_from_ms:
                return []
            going.move(Word.BEGIN, now_ms)
            going.mark = here
        elif not step.leaf.moves.is_motion:
            if not step.limits.readback and not going.asked:
                going.move(Word.ARRIVE, now_ms)
            return []
        return self._order(going, here, now_ms)

    def _order(self, going: Going, here: Setting | None, now_ms: int) -> list[Order]:
        step = going.step
        value = step.value
        if step.leaf.moves.is_motion:
            if not isinstance(here, int | float):
                going.move(Word.STOP, now_ms, Reason.NO_READBACK)
                return []
            value = waypoint(step, here)
            early = going.ordered is not None and now_ms - going.ordered_ms < TICK_MS
            if going.asked or early or value == going.ordered:
                return []
        going.ordered, going.ordered_ms, going.asked = value, now_ms, True
        self.last_order_ms = now_ms
        if self.first_order_ms is None:
            self.first_order_ms = now_ms
        return [Order(step.leaf.path, value, step.number, self.plan.plan_id)]

    @staticmethod
    def _bar(step: Step, now_ms: int, inputs: Inputs) -> Reason:
        reason = bar(inputs, now_ms, step.need)
        if reason is Reason.NONE and step.parked and not step.leaf.moves.is_motion:
            return standing(inputs, now_ms)
        return reason

    def _stopped(self, lane: list[Going], going: Going, reason: Reason, now_ms: int) -> None:
        going.move(Word.STOP, now_ms, reason)
        if reason in LANE_WIDE:
            self._end_lane(lane, reason, now_ms)
        elif reason in RUN_WIDE and going.step.leaf.moves.is_motion:
            for other in self.lanes:
                if other[0].step.leaf.moves.is_motion:
                    self._end_lane(other, reason, now_ms)

    @staticmethod
    def _end_lane(lane: list[Going], reason: Reason, now_ms: int) -> None:
        for going in lane:
            if going.state in OPEN:
                going.move(Word.STOP, now_ms, reason)

    def outcomes(self) -> tuple[Outcome, ...]:
        """What became of each actuator, in the order of the plan."""
        goings = sorted((going for lane in self.lanes for going in lane), key=lambda going: going.step.number)
        return (*self.plan.refused, *(outcome(going) for going in goings))

    def without_travel_ms(self) -> int:
        """When the last actuator got its first order, less the travel of those that it had to wait for."""
        last = 0
        for lane in self.lanes:
            travel = 0
            for going in lane:
                if going.begun_ms >= 0:
                    last = max(last, going.begun_ms - self.begun_ms - travel)
                    travel += going.ended_ms - going.begun_ms
        return last
