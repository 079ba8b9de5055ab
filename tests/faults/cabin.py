"""Drives in virtual time with plans and faults at random; judges every order by what the car itself knows of its state.

The cabin's own engine, fed as the link feeds it; the head unit's own motors; between them signals that are late, lost,
silent, undated, from another clock or plainly wrong, orders that are lost or late, hands, stalls, and a computer that
hangs. The judge takes nothing of the engine but its orders. Must never skip time while a plan is under way.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from simulators.headunit import Unit
from tests.faults.cabin_car import FAULTS, HIDING, LIMITS, TELL_MS, WIRE_MS, Car, Sample, Wire
from tests.faults.oracle import Verdict
from vehicle_agent.cabin import paths
from vehicle_agent.cabin.engine import Engine
from vehicle_agent.cabin.going import Order
from vehicle_agent.cabin.inputs import lag_ms
from vehicle_agent.cabin.outcome import OutcomeKind, Reason, Setting
from vehicle_agent.cabin.plan import Limits, Terms, Wanted, build

MOTIONS: Final = frozenset(path for path in LIMITS if paths.leaf_of(path).moves.is_motion)
LANE: Final = frozenset(path for path in MOTIONS if paths.leaf_of(path).lane == paths.DRIVER_SEAT)
ON_CHANGE: Final = frozenset(
    {*LIMITS, paths.GEAR, paths.PARK_LOCK, paths.PARKING_BRAKE, *paths.switches(paths.DRIVER_SEAT)}
)  # fmt: skip
FRESH_MS: Final = 500
ABORT_MS: Final = 200
SLICE_MS: Final = 10
HOUR_S: Final = 3_600


@dataclass(slots=True)
class Books:
    """What the judge counts; what stands below `wrong` has to stay empty."""

    seconds: float = 0.0
    driving_s: float = 0.0
    plans: int = 0
    orders: int = 0
    stops: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    longest_stop_ms: int = 0
    wrong: Counter[str] = field(default_factory=Counter)


class Drives:
    """One car, one cabin, one judge."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.books = Books()
        self.car, self.unit, self.engine = Car(self._random), Unit(LIMITS), Engine(LIMITS)
        self.wire = Wire(self._random, ON_CHANGE)
        self._now_ms = 1_000_000
        self._orders: list[tuple[int, int, Order]] = []
        self._fault_ends, self._next_fault = 0, self._now_ms + 5_000
        self._next_plan, self._hung_until, self._hand_ms = self._now_ms + 3_000, 0, -1_000_000
        self._told: dict[str, tuple[Setting | None, int]] = {}
        self._where: dict[str, float] = {}
        self._forbidden_ms: int | None = None
        self._last_hiding_ms = 0
        self._asked: list[str] = []
        self._up = True
        self._connect()
        self.engine.begin(paths.DRIVER_SEAT)

    def run(self, seconds: float) -> None:
        """Drives on for so long."""
        for _ in range(round(seconds * 1_000 / TELL_MS)):
            self._tick()

    def _tick(self) -> None:
        now_ms = self._now_ms = self._now_ms + TELL_MS
        self.car.step(now_ms)
        self.books.seconds += TELL_MS / 1_000
        self.books.driving_s += TELL_MS / 1_000 * (self.car.world.speed_kmh != 0)
        if now_ms >= self._next_fault or (self.wire.fault and now_ms >= self._fault_ends):
            self._change_fault(now_ms)
        if self.wire.fault in HIDING:
            self._last_hiding_ms = now_ms
        if self._up:
            self.wire.tell(now_ms, self.car.world, self.unit)
        for at_ms in range(now_ms, now_ms + TELL_MS, SLICE_MS if self._busy else TELL_MS):
            self._slice(at_ms)
        if now_ms >= self._next_plan and self.engine.run is None and self._up and now_ms >= self._hung_until:
            self._plan(now_ms)

    @property
    def _busy(self) -> bool:
        return self.engine.run is not None or self.unit.moving or bool(self._orders)

    def _slice(self, at_ms: int) -> None:
        """A moment: what arrives, what the cabin orders, what the head unit does with it."""
        while self._orders and self._orders[0][0] <= at_ms:
            order = heapq.heappop(self._orders)[2]
            self.unit.order(order.path, order.value)
        if self.unit.moving:
            self.unit.step(SLICE_MS / 1_000)
        self._judge_motion(at_ms)
        if at_ms < self._hung_until:
            return
        heard = self.wire.arrived(at_ms + (TELL_MS if not self._busy else 0))
        self._hear(heard, at_ms)
        if self.engine.run is not None and (heard or at_ms % 100 == 0):
            self._look(at_ms)
        elif at_ms % 1_000 == 0:
            self._wishes(at_ms)

    def _hear(self, samples: list[Sample], at_ms: int) -> None:
        take, told = self.engine.take, self._told
        for path, value, told_ms, ts_us in samples:
            take(path, value, at_ms, lag_ms(at_ms * 1_000, ts_us))
            told[path] = (value, told_ms)

    def _look(self, at_ms: int) -> None:
        run = self.engine.run
        assert run is not None
        for order in self.engine.tick(at_ms):
            self._judge_order(order, at_ms)
            lost = not self._up or (self.wire.fault == "orders_lost" and self._random.random() < 0.5)
            if not lost:
                heapq.heappush(self._orders, (at_ms + self._random.choice((0, 10, 20, 40)), self.books.orders, order))
            told = lost and self._random.random() < 0.5
            self.engine.answered(order, Reason.LINK_LOST if told else Reason.NONE, at_ms)
        if run.done:
            self.engine.finish()
            self.books.wrong["field_without_one_outcome"] += sorted(one.field for one in run.outcomes()) != self._asked
            for outcome in run.outcomes():
                self.books.kinds[outcome.kind.value] += 1
                if outcome.kind in {OutcomeKind.FAILED, OutcomeKind.REFUSED}:
                    self.books.stops[str(outcome.reason)] += 1

    def _plan(self, now_ms: int) -> None:
        random = self._random
        self._next_plan = now_ms + random.randrange(2_000, 25_000)
        chosen = random.sample(sorted(LIMITS), random.randrange(1, len(LIMITS) + 1))
        wanted = [Wanted(path, path, self._value(LIMITS[path]), random.random() < 0.2) for path in chosen]
        self.books.plans += 1
        self._asked = sorted(chosen)
        terms = Terms(confirmed=random.random() < 0.3)
        plan = build(str(self.books.plans), now_ms, wanted, LIMITS, self.engine.inputs, terms)
        self.engine.start(plan, now_ms)
        self._look(now_ms)

    def _value(self, limits: Limits) -> float:
        assert limits.low is not None
        assert limits.high is not None
        value = self._random.uniform(limits.low, limits.high)
        return round(value) if limits.whole else round(value * 2) / 2

    # Faults

    def _change_fault(self, now_ms: int) -> None:
        random = self._random
        self._end_fault(now_ms)
        fault = random.choice(FAULTS) if now_ms >= self._next_fault else ""
        self.wire.begin(fault, self.car.world.speed_kmh)
        if not fault:
            return
        self._fault_ends = now_ms + random.randrange(200, 8_000)
        self._next_fault = self._fault_ends + random.randrange(500, 12_000)
        match fault:
            case "cut":
                self._up = False
                self.wire.cut()
                self._orders.clear()
                self._told.clear()
                self.engine.lost()
                if self.engine.run is not None:
                    self._look(now_ms)
            case "hang":
                self._hung_until = now_ms + random.randrange(100, 3_000)
            case "stall":
                self.unit.stall(random.choice(sorted(MOTIONS)))
            case "switch":
                self._press(random.choice(self.unit.switches()), True, now_ms)

    def _end_fault(self, now_ms: int) -> None:
        match self.wire.fault:
            case "cut":
                self._up = True
                self._connect()
            case "stall":
                for path in MOTIONS:
                    self.unit.stall(path, False)
            case "switch":
                for switch in sorted(self.unit.pressed):
                    self._press(switch, False, now_ms)

    def _press(self, switch: str, down: bool, now_ms: int) -> None:
        self.unit.press(switch, down)
        self.wire.press(switch, down, now_ms)
        self._hand_ms = now_ms

    def _connect(self) -> None:
        self.engine.connected(self.engine.signals(), ON_CHANGE)
        self.wire.connected(self._now_ms, self.unit)

    # The judge

    def _judge_order(self, order: Order, at_ms: int) -> None:
        self.books.orders += 1
        if order.path.endswith("HeatingCooling") and isinstance(order.value, int | float) and order.value > 0:
            self.books.wrong["heat_on_a_seat_not_known_as_taken"] += (
                self._last(paths.occupancy(paths.DRIVER_SEAT)) != "OCCUPIED"
            )
        if order.path not in MOTIONS:
            return
        wrong, car = self.books.wrong, self.car
        rolls, free = car.rolls_since_ms, car.free_since_ms
        # Where the car hides that it is free, only a speed can tell, and that takes its time on the wire.
        hiding = at_ms - self._last_hiding_ms < FRESH_MS
        wrong["order_while_it_rolls"] += rolls is not None and (
            not hiding or at_ms - rolls > TELL_MS + WIRE_MS + SLICE_MS
        )
        wrong["order_while_free"] += free is not None and not hiding and at_ms - free > FRESH_MS
        against = self._forbidden(at_ms)
        wrong["order_against_the_signals"] += against != ""
        if not against:
            self._forbidden_ms = None  # a moment at which it was allowed, be it shorter than a slice

    def _forbidden(self, at_ms: int) -> str:
        """What the newest signals that arrived say against a motion, by the time at which the car told them."""
        speed, told_ms = self._told.get(paths.SPEED, (None, 0))
        if at_ms - told_ms > FRESH_MS:
            return "a signal older than 500 ms"
        if speed != 0 or isinstance(speed, str) or self._last(paths.IS_MOVING) is True:
            return "speed"
        held = self._last(paths.GEAR) == paths.GEAR_PARK or True in {
            self._last(paths.PARK_LOCK), self._last(paths.PARKING_BRAKE),
        }  # fmt: skip
        return "" if held else "no park signal"

    def _last(self, path: str) -> Setting | None:
        return self._told.get(path, (None, 0))[0]

    def _judge_motion(self, at_ms: int) -> None:
        """How long anything goes on after it was forbidden, and that one seat has one motion at a time."""
        motors, where = self.unit.motors, self._where
        moved = {
            path
            for path in MOTIONS
            if abs(motors[path].where - where.get(path, 0.0)) > 1e-6 and not motors[path].by_hand
        }
        self._where = {path: motors[path].where for path in MOTIONS}
        if not where:
            return
        self.books.wrong["two_at_once_in_a_seat"] += len(moved & LANE) > 1
        if at_ms >= self._hung_until and not self._forbidden(at_ms) and self._up:
            self._forbidden_ms = None
            return
        since_ms = self._forbidden_ms = at_ms if self._forbidden_ms is None else self._forbidden_ms
        if moved:
            self.books.longest_stop_ms = max(self.books.longest_stop_ms, at_ms - since_ms)
            self.books.wrong["late_stop"] += at_ms - since_ms > ABORT_MS

    def _wishes(self, at_ms: int) -> None:
        for change in self.engine.wishes(at_ms):
            self.books.wrong["edit_without_a_hand"] += change.at_ms - self._hand_ms > 2 * HOUR_S


async def cabin(folder: Path, hours: int, seed: int, progress: Callable[[int, int], None]) -> Verdict:
    """Hours of drives, each hour another car and guest."""
    total = Books()
    faults: Counter[str] = Counter()
    for hour in range(hours):
        drives = Drives(seed * 1_000_003 + hour)
        await asyncio.to_thread(drives.run, HOUR_S)
        one = drives.books
        total.seconds, total.driving_s = total.seconds + one.seconds, total.driving_s + one.driving_s
        total.plans, total.orders = total.plans + one.plans, total.orders + one.orders
        total.longest_stop_ms = max(total.longest_stop_ms, one.longest_stop_ms)
        for mine, others in ((total.stops, one.stops), (total.kinds, one.kinds), (total.wrong, one.wrong)):
            mine.update(others)
        faults += drives.wire.faults
        progress(hour + 1, hours)
    wrong = +total.wrong
    summary = (
        f"{total.seconds / HOUR_S:.0f} h of drives, {total.driving_s / HOUR_S:.0f} h of them rolling, "
        f"{faults.total():,} faults, {total.plans:,} plans, {total.orders:,} orders; "
        f"wrong orders and motions: {wrong.total()}; longest stop {total.longest_stop_ms} ms"
    )
    notes = [f"{name}: {count:,}" for name, count in sorted(wrong.items())]
    notes.append("outcomes: " + ", ".join(f"{name} {count:,}" for name, count in sorted(total.kinds.items())))
    notes.append("stopped by: " + ", ".join(f"{name} {count:,}" for name, count in sorted(total.stops.items())))
    return Verdict(accepted=total.plans, unexplained=wrong.total(), notes=notes, summary=summary)
