"""The cabin's head without its hands: knowledge, the plan under way, wishes, heat; must never do I/O or read a clock.

Whoever has the hands (the KUKSA link, or a simulation in virtual time) brings samples, asks `tick` for orders as often
as anything is heard and every TICK_MS, and tells what became of each order.
"""

from collections.abc import Mapping
from typing import Final

from vehicle_agent.cabin import paths
from vehicle_agent.cabin.going import ABORT_MS, Order, State
from vehicle_agent.cabin.inputs import Inputs
from vehicle_agent.cabin.intent import HAND_MS, Change, IntentFilter
from vehicle_agent.cabin.interlocks import OCCUPIED
from vehicle_agent.cabin.neutral import off
from vehicle_agent.cabin.outcome import Reason, Setting
from vehicle_agent.cabin.paths import Moves, leaf_of
from vehicle_agent.cabin.plan import Limits, Plan
from vehicle_agent.cabin.stepping import Run

HEAT_AGAIN_MS: Final = 1_000


class Engine:
    """One vehicle's cabin. `limits`: every actuator of its card."""

    def __init__(self, limits: Mapping[str, Limits]) -> None:
        self.limits = limits
        self.inputs = Inputs()
        self._switches = {switch: moved for seat in paths.SEATS for switch, moved in paths.switches(seat).items()}
        tolerances = {path: one.tolerance for path, one in limits.items()}
        self.intent = IntentFilter(tolerances, self._switches)
        self.run: Run | None = None
        self._seat = ""
        self._warm: dict[str, int] = {}
        self._coasts_until_ms = 0

    def signals(self) -> frozenset[str]:
        """All paths that it wants to hear of."""
        seats = {leaf_of(path).seat for path in self.limits} - {""}
        wanted = {
            paths.SPEED, paths.IS_MOVING, paths.IGNITION, paths.GEAR, paths.PARK_LOCK, paths.PARKING_BRAKE,
            paths.TOUCHED, *self.limits,
        }  # fmt: skip
        for seat in seats | {paths.DRIVER_SEAT}:
            wanted |= {paths.occupancy(seat), paths.belted(seat), *paths.switches(seat), *paths.child_locks(seat)}
            if paths.behind(seat):
                wanted.add(paths.occupancy(paths.behind(seat)))
        return frozenset(wanted)

    def connected(self, known: frozenset[str], on_change: frozenset[str]) -> None:
        """A connection begins."""
        self.inputs.connected(known, on_change)

    def lost(self) -> None:
        """The connection ended: nothing is known, nothing goes on."""
        self.inputs.lost()
        self.intent.hands_off()
        if self.run is not None:
            self.run.stop(Reason.LINK_LOST)

    def begin(self, seat: str) -> None:
        """A guest sits down; wishes are followed from now on."""
        self._seat = seat
        self.intent.begin()

    def end(self) -> None:
        """The guest is gone: nothing goes on, nothing is remembered."""
        self._seat = ""
        self.intent.end()
        self._warm.clear()
        if self.run is not None:
            self.run.stop(Reason.ENDED)

    def take(self, path: str, value: Setting | None, now_ms: int, lag: int | None) -> None:
        """A sample arrived."""
        before = self.inputs.value(path)
        self.inputs.take(path, value, now_ms, lag)
        if path == paths.TOUCHED:
            if isinstance(value, str) and value and lag is not None and lag <= HAND_MS:
                self._hand(frozenset({value}), now_ms)
                self.intent.touched(value, now_ms)
        elif path in self._switches:
            if value is True and before is not True:
                self._hand_on_seat(path, now_ms)
            self.intent.switch(path, value is True, now_ms)
        elif path in self.limits and value != before and self._is_guests(path):
            self.intent.changed(path, before, value, now_ms)

    def start(self, plan: Plan, now_ms: int) -> Run:
        """A plan begins."""
        self.run = Run(plan, now_ms, self._coasts_until_ms)
        return self.run

    def tick(self, now_ms: int) -> list[Order]:
        """What is to be ordered now."""
        orders = self.run.tick(now_ms, self.inputs) if self.run is not None else []
        for order in orders:
            leaf = leaf_of(order.path)
            if leaf.moves.is_motion:
                self._coasts_until_ms = now_ms + ABORT_MS
            if leaf.moves is Moves.HEAT and isinstance(order.value, int | float) and order.value > 0:
                self._warm[order.path] = now_ms
        return orders + self._cold(now_ms)

    def forbids(self, order: Order, now_ms: int) -> Reason:
        """What has come between an order and its going out; NONE when nothing has."""
        leaf = leaf_of(order.path)
        if order.step < 0:
            return Reason.FORBIDDEN if leaf.moves is Moves.FORBIDDEN else Reason.NONE
        if self.run is None or self.run.plan.plan_id != order.plan_id:
            return Reason.ENDED
        return self.run.forbids(order.step, now_ms, self.inputs)

    def answered(self, order: Order, reason: Reason, now_ms: int) -> None:
        """What became of an order."""
        if self.run is not None and order.step >= 0 and order.plan_id == self.run.plan.plan_id:
            self.run.answered(order.step, reason, now_ms)

    def finish(self) -> Run:
        """The plan is done: what it left where counts as settled."""
        run, self.run = self.run, None
        assert run is not None, "no plan to finish"
        for lane in run.lanes:
            for going in lane:
                if going.state in {State.THERE, State.ALREADY}:
                    self.intent.planned(going.step.leaf.path, going.step.value)
                elif going.begun_ms >= 0 and going.reason is Reason.MANUAL_SWITCH:
                    self.intent.planned(going.step.leaf.path, going.step.value, by_hand=True)
                elif going.begun_ms >= 0 and going.read_back is not None:
                    self.intent.planned(going.step.leaf.path, going.read_back)
        return run

    def wishes(self, now_ms: int) -> list[Change]:
        """Changes of the guest that are sure now."""
        there = self.inputs.fresh(paths.occupancy(self._seat), now_ms)
        return self.intent.due(now_ms, None if there is None else there == OCCUPIED)

    def _cold(self, now_ms: int) -> list[Order]:
        """What we warmed goes off once nobody sits there; asked again every HEAT_AGAIN_MS until it is off."""
        orders = []
        for path, asked_ms in list(self._warm.items()):
            here = self.inputs.value(path)
            there = self.inputs.value(paths.occupancy(leaf_of(path).seat))
            if there is None or there == OCCUPIED or now_ms - asked_ms < HEAT_AGAIN_MS:
                continue
            if isinstance(here, int | float) and here > 0:
                self._warm[path] = now_ms
                orders.append(Order(path, off(here)))
            else:
                del self._warm[path]
        return orders

    def _is_guests(self, path: str) -> bool:
        """Whether the guest, and not somebody else in the car, is the one who sets that leaf."""
        leaf = leaf_of(path)
        seat = leaf.seat or (paths.DRIVER_SEAT if leaf.moves is Moves.MIRROR else paths.zone_seat(path))
        if not seat or seat == self._seat:
            return True
        return leaf.moves is Moves.COMFORT and self.inputs.value(paths.occupancy(seat)) != OCCUPIED

    def _hand(self, touched: frozenset[str], now_ms: int) -> None:
        if self.run is not None:
            self.run.by_hand(touched, now_ms)

    def _hand_on_seat(self, switch: str, now_ms: int) -> None:
        """Whoever presses a switch of a seat stops all that moves that seat."""
        seat = leaf_of(switch).seat
        self._hand(frozenset(path for path in self.limits if leaf_of(path).lane == seat), now_ms)
