"""Proves how a plan goes forward: states, turns, dead man's steps, stalls, deadlines, outcomes."""

from dataclasses import replace
from itertools import pairwise, product

import pytest

from simulators.headunit import Unit, World
from tests.kit.cabins import FAN, HEIGHT, LIMITS, LUMBAR, MIRROR, POSITION, RECLINE, TEMPERATURE, WHEEL
from vehicle_agent.cabin import paths
from vehicle_agent.cabin.engine import Engine
from vehicle_agent.cabin.going import ABORT_MS, MOVES, OPEN, Going, State, Word, waypoint
from vehicle_agent.cabin.outcome import Outcome, OutcomeKind, Reason, Setting, counts, of_field, of_fields
from vehicle_agent.cabin.plan import AHEAD_MS, DEADLINE_MS, Limits, Plan, Terms, Wanted, build
from vehicle_agent.cabin.stepping import Run

DRIVER_LANE = {POSITION, HEIGHT, RECLINE, WHEEL}


class Desk:
    """An engine and its car without a wire: what is told is known at once, time goes in steps of 10 ms."""

    def __init__(self, put: dict[str, Setting] | None = None) -> None:
        self.world, self.unit, self.engine, self.now_ms = World(), Unit(LIMITS), Engine(LIMITS), 1_000
        for path, value in (put or {}).items():
            self.unit.put(path, value)
        self.engine.connected(self.engine.signals(), frozenset(LIMITS))
        self.engine.begin(paths.DRIVER_SEAT)
        self.given: list[tuple[int, str, Setting]] = []
        self.tell()

    def tell(self) -> None:
        """All that the car and its actuators show."""
        for path, value in {**self.world.shown(), **self.unit.news()}.items():
            self.engine.take(path, value, self.now_ms, 0)

    def start(self, values: dict[str, Setting]) -> Run:
        """A plan; its fields are named like the leaves."""
        wanted = [Wanted(path, path, value) for path, value in values.items()]
        plan = build("plan", self.now_ms, wanted, self.engine.limits, self.engine.inputs, Terms())
        return self.engine.start(plan, self.now_ms)

    def go(self, run: Run, seconds: float = 60.0) -> dict[str, tuple[OutcomeKind, str]]:
        """Until the plan is done."""
        for _ in range(round(seconds * 100)):
            if run.done:
                break
            self.now_ms += 10
            self.unit.step(0.01)
            self.tell()
            for order in self.engine.tick(self.now_ms):
                self.given.append((self.now_ms, order.path, order.value))
                self.unit.order(order.path, order.value)
                self.engine.answered(order, Reason.NONE, self.now_ms)
        return {one.field: (one.kind, one.reason) for one in of_fields(run.outcomes())}


@pytest.mark.parametrize(("state", "word"), list(product(State, Word)))
def test_states_move_as_the_table_says(state: State, word: Word) -> None:
    """Five moves there are; what has ended never goes on."""
    run = Desk().start({HEIGHT: 40})
    going = Going(run.plan.steps[0], state=state)
    if (state, word) in MOVES:
        going.move(word, 5)
        assert going.state is MOVES[state, word]
        assert state in OPEN
    else:
        with pytest.raises(KeyError):
            going.move(word, 5)
        assert going.state is state


def test_one_at_a_time_and_room_first() -> None:
    """In a lane: backward, the column, then what takes room; the mirror and the air do not wait."""
    desk = Desk({POSITION: 100, RECLINE: 20.0, WHEEL: 50, HEIGHT: 30})
    run = desk.start({POSITION: 90, HEIGHT: 34, WHEEL: 60, RECLINE: 22.0, MIRROR: 20, TEMPERATURE: 18.0})
    done = desk.go(run)
    assert set(done.values()) == {(OutcomeKind.APPLIED, "")}
    turns = list(dict.fromkeys(path for _, path, _ in desk.given if path in DRIVER_LANE))
    assert turns == [RECLINE, WHEEL, HEIGHT, POSITION]
    first = {path: at_ms for at_ms, path, _ in reversed(desk.given)}
    assert first[MIRROR] == first[TEMPERATURE] == first[RECLINE]
    back = desk.start({POSITION: 130, RECLINE: 20.0, WHEEL: 40})
    desk.given.clear()
    desk.go(back)
    assert list(dict.fromkeys(path for _, path, _ in desk.given)) == [POSITION, WHEEL, RECLINE]


def test_an_order_is_never_far_ahead() -> None:
    """Each order lies within AHEAD_MS of travel of where the actuator is, and none comes sooner than 100 ms."""
    desk = Desk({POSITION: 20})
    run = desk.start({POSITION: 200})
    ahead, times = [], []
    while not run.done:
        desk.now_ms += 10
        desk.unit.step(0.01)
        desk.tell()
        for order in desk.engine.tick(desk.now_ms):
            assert isinstance(order.value, int | float)
            ahead.append(abs(order.value - desk.unit.motors[POSITION].where))
            times.append(desk.now_ms)
            desk.unit.order(order.path, order.value)
            desk.engine.answered(order, Reason.NONE, desk.now_ms)
    assert max(ahead) <= 25 * AHEAD_MS / 1_000 + 0.5
    assert min(b - a for a, b in pairwise(times)) >= 100
    assert desk.now_ms - 1_000 < 1_000 * 180 / 25 + 1_000, "and it is hardly slower than the seat"


@pytest.mark.parametrize(
    ("limits", "here", "end", "expected"),
    [
        (Limits(0, 240, 1, 25, whole=True), 100, 200, 103),
        (Limits(0, 240, 1, 25, whole=True), 100, 0, 97),
        (Limits(0, 240, 1, 25, whole=True), 100, 102, 102),
        (Limits(0, 40, 0.5, 4), 10.0, 20.0, 10.6),
        (Limits(0, 40, 0.5, 4), 10.0, 9.9, 9.9),
    ],
)
def test_waypoints(limits: Limits, here: float, end: float, expected: float) -> None:
    """A short way ahead, never beyond the end."""
    step = Plan("", 0, ()).steps or Desk().start({POSITION: 100}).plan.steps
    one = step[0]
    moved = type(one)(0, one.wanted, one.leaf, end, limits, one.need)
    assert waypoint(moved, here) == pytest.approx(expected)


def test_a_coarse_actuator_does_not_move_by_itself() -> None:
    """One whose single step takes longer than a stop may is refused."""
    desk = Desk()
    desk.engine.limits = {**LIMITS, POSITION: Limits(0, 240, 10, 25, whole=True)}
    assert desk.go(desk.start({POSITION: 100})) == {POSITION: (OutcomeKind.REFUSED, "too_coarse")}


def test_it_stops_when_the_deadline_passes() -> None:
    """What moves fails, what waits is refused, 30 s after the plan was made."""
    desk = Desk({POSITION: 0, HEIGHT: 0, RECLINE: 0.0, WHEEL: 0, LUMBAR: 0.0})
    begun_ms = desk.now_ms
    done = desk.go(desk.start({POSITION: 240, HEIGHT: 60, LUMBAR: 100.0, RECLINE: 40.0, WHEEL: 100}), 60)
    assert desk.now_ms - begun_ms == pytest.approx(DEADLINE_MS, abs=20)
    assert (OutcomeKind.APPLIED, "") in done.values()
    assert (OutcomeKind.FAILED, "deadline") in done.values()


@pytest.mark.parametrize("when_ms", [10, 90, 250, 610])
def test_whatever_goes_wrong_it_stands_in_time(when_ms: int) -> None:
    """From the moment at which the speed is told: 200 ms, at any place between two orders."""
    desk = Desk({POSITION: 20})
    run = desk.start({POSITION: 200, MIRROR: 100})
    desk.go(run, when_ms / 1_000)
    desk.world.speed_kmh = 0.5
    told_ms = desk.now_ms
    done = desk.go(run)
    assert done == {POSITION: (OutcomeKind.FAILED, "moving"), MIRROR: (OutcomeKind.FAILED, "moving")}
    assert all(at_ms <= told_ms + 10 for at_ms, _, _ in desk.given)
    where = 0.0
    while where != desk.unit.motors[POSITION].where:
        where = desk.unit.motors[POSITION].where
        desk.now_ms += 10
        desk.unit.step(0.01)
    assert desk.now_ms - told_ms <= ABORT_MS


def test_an_actuator_that_goes_the_other_way_is_let_go() -> None:
    """Somebody else moves it: the plan does not fight."""
    desk = Desk({POSITION: 100, HEIGHT: 30})
    run = desk.start({POSITION: 200, HEIGHT: 50})
    desk.go(run, 0.5)
    desk.unit.put(POSITION, desk.unit.motors[POSITION].where - 5)
    assert desk.go(run) == {
        POSITION: (OutcomeKind.FAILED, "moved_by_hand"), HEIGHT: (OutcomeKind.REFUSED, "moved_by_hand"),
    }  # fmt: skip


def test_a_knob_turned_during_an_apply_wins() -> None:
    """The head unit tells of the hand: that leaf is the guest's, the other goes on."""
    desk = Desk()
    run = desk.start({TEMPERATURE: 18.0, FAN: 50})
    desk.engine.tick(desk.now_ms)
    desk.engine.take(paths.TOUCHED, TEMPERATURE, desk.now_ms, 0)
    done = desk.go(run)
    assert done[TEMPERATURE] == (OutcomeKind.FAILED, "manual_switch")


def test_a_thousand_applies_are_no_wish() -> None:
    """Whatever a plan does, clamped or not, and however often: nothing flows back."""
    desk = Desk()
    desk.engine.limits = {path: replace(one, speed_per_s=10_000) for path, one in LIMITS.items()}
    for motor in desk.unit.motors.values():
        motor.limits = replace(motor.limits, speed_per_s=0)
    for number in range(1_000):
        wanted = [
            Wanted(path, path, value, number % 2 == 0, "end stop")
            for path, value in ((POSITION, number * 7 % 240), (FAN, number * 10 % 100), (MIRROR, number % 100))
        ]
        run = desk.engine.start(
            build(f"{number}", desk.now_ms, wanted, desk.engine.limits, desk.engine.inputs, Terms()), desk.now_ms
        )
        desk.go(run, 5)
        assert run.done
        desk.engine.finish()
        desk.now_ms += 500 * (number % 30)
        desk.tell()
        assert desk.engine.wishes(desk.now_ms) == []
    desk.now_ms += 20_000
    desk.tell()
    assert desk.engine.wishes(desk.now_ms) == []


def test_outcomes_of_a_field() -> None:
    """A field with several actuators is what they agree on; each field is told once."""
    kind = OutcomeKind

    def of(*kinds: OutcomeKind) -> OutcomeKind:
        return of_field([Outcome("posture", one, "why") for one in kinds]).kind

    assert of(kind.APPLIED, kind.ALREADY) is kind.APPLIED
    assert of(kind.ALREADY, kind.ALREADY) is kind.ALREADY
    assert of(kind.APPLIED, kind.CLAMPED, kind.ALREADY) is kind.CLAMPED
    assert of(kind.APPLIED, kind.FAILED) is kind.PARTIAL
    assert of(kind.ALREADY, kind.SKIPPED) is kind.PARTIAL
    assert of(kind.SKIPPED, kind.REFUSED) is kind.REFUSED
    assert of(kind.SKIPPED) is kind.SKIPPED
    told = of_fields([Outcome("a", kind.APPLIED), Outcome("b", kind.FAILED), Outcome("a", kind.APPLIED)])
    assert [one.field for one in told] == ["a", "b"]
    assert counts(told)[kind.APPLIED] == 1
