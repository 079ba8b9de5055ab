"""Readings in, samples out: rates, changes, dead bands, snapshots, conditions; pure, must never ask a clock.

A sample has the values of all signals of its event that are known, so that an event with one new value tells the others
too. Readings of one call that carry the same time are one snapshot.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias, cast

from gateway.clock import TRUST_UNTIL_US
from gateway.model import Value
from vehicle_agent.condition import Latest, Test
from vehicle_agent.judges import judge_of
from vehicle_agent.plan import EventPlan, Plan
from vehicle_agent.source import Missing, Reading, SignalInfo

OLDEST_US: Final = 946_684_800_000_000
"""2000-01-01: no datapoint of a vehicle is older."""
AHEAD_US: Final = 3_600 * 1_000_000
"""So far ahead of a clock that is to be trusted, a datapoint's time is no matter of drift."""

_time_of = itemgetter(1)
_Get: TypeAlias = Callable[[Latest], tuple[Value, ...]]


class Sample(NamedTuple):
    """An event to be: which event of the plan, which of its signals, and their values in that order.

    `ts_us` is when the source dated what made it, `received_ms` when that was received (CLOCK_BOOTTIME).
    """

    event: int
    picks: tuple[int, ...]
    ts_us: int
    received_ms: int
    values: tuple[Value, ...]


class Received(NamedTuple):
    """When readings were received: CLOCK_BOOTTIME in ms, the wall clock in us, and whether that is to be trusted."""

    boottime_ms: int
    wall_us: int
    trusted: bool


class _Event:
    """State of one event of the plan."""

    __slots__ = (
        "band", "changing", "due_ms", "entering", "every_ms", "get", "held", "known", "number", "own", "picks",
        "received_ms", "shown", "slack_ms", "test", "touched", "ts_us", "waiting", "watched",
    )  # fmt: skip

    def __init__(self, number: int, plan: EventPlan, index_of: Mapping[str, int]) -> None:
        self.number = number
        self.changing, self.entering, self.band = plan.on_change, plan.on_enter, plan.dead_band
        period_s = max(plan.hold_off_s, 1 / plan.rate_hz if plan.rate_hz else 0.0)
        self.every_ms = round(period_s * 1_000)
        # A reading that comes a little early is taken at once; the rhythm stays, and no timer is needed for it.
        self.slack_ms = self.every_ms // 10 if plan.rate_hz and not plan.hold_off_s else 0
        self.own = {index_of[path]: place for place, path in enumerate(plan.signals) if path in index_of}
        condition, looked_at = plan.condition, set[int]()
        self.test: Test | None = None
        if condition is not None:
            lacking = [path for path in condition.paths if path not in index_of]
            self.test = _never if lacking else condition.compile(index_of)
            looked_at = {index_of[path] for path in condition.paths if path in index_of}
        self.watched = looked_at if self.entering else {*self.own, *looked_at} if self.changing else {*self.own}
        self.shown: dict[int, Value] = {}
        self.held = self.touched = self.waiting = False
        self.ts_us = self.received_ms = self.due_ms = 0
        self.known = -1
        self.picks: tuple[int, ...] = ()
        self.get: _Get = _nothing

    def learn(self, latest: Latest, known: int) -> None:
        """Which of its signals have a value may have changed."""
        here = [index for index in self.own if latest[index] is not None]
        self.known = known
        self.picks = tuple(self.own[index] for index in here)
        if len(here) == 1:
            (only,) = here
            self.get = lambda values: (cast("Value", values[only]),)
        else:
            self.get = cast("_Get", itemgetter(*here)) if here else _nothing

    def news(self, index: int, value: Value | None, latest: Latest) -> bool:
        """Of an event on change: whether a reading makes its values others than shown."""
        if index in self.own:
            return self._differs(index, value)
        return any(self._differs(own, latest[own]) for own in self.own)

    def _differs(self, index: int, value: Value | None) -> bool:
        if value is None:
            return False
        shown = self.shown.get(index)
        if shown is None or not self.band or isinstance(value, str | bool):
            return shown != value
        return abs(value - cast("float", shown)) > self.band


class Sampler:
    """One connection to a source, with the types that it described; made anew with each connection."""

    def __init__(
        self, plan: Plan, known: Mapping[str, SignalInfo | Missing], counters: Counter[str] | None = None
    ) -> None:
        """`known`: what the source says of the paths of `plan`. `counters` counts readings and what was wrong."""
        self.infos = {path: info for path in plan.paths if isinstance(info := known.get(path), SignalInfo)}
        self.paths = tuple(self.infos)
        self.counters: Counter[str] = Counter() if counters is None else counters
        index_of = {path: index for index, path in enumerate(self.paths)}
        self.latest: list[Value | None] = [None] * len(self.paths)
        self._judges = [judge_of(info, self.counters) for info in self.infos.values()]
        self._known = 0
        self._round = 0
        self._seen = [0] * len(self.paths)
        self._events: list[list[_Event]] = [[] for _ in self.paths]
        self._waiting: list[_Event] = []
        for number, event in enumerate(plan.event):
            state = _Event(number, event, index_of)
            for index in state.watched if state.own else ():
                self._events[index].append(state)

    @property
    def due_ms(self) -> int | None:
        """When `tick` has something to do (CLOCK_BOOTTIME); None: not before the next reading."""
        return min([event.due_ms for event in self._waiting]) if self._waiting else None

    def feed(self, readings: Sequence[Reading], now: Received) -> list[Sample]:
        """Takes the readings of one message; returns the samples they make, in order of their time."""
        self.counters["readings"] += len(readings)
        stamps: set[int | None] = {reading[1] for reading in readings}
        if None in stamps:
            self.counters["undated"] += sum(reading[1] is None for reading in readings)
            stamps.add(now.wall_us)
            readings = [Reading(r[0], now.wall_us if r[1] is None else r[1], r[2]) for r in readings]
        if len(stamps) > 1:
            readings = sorted(readings, key=_time_of)
        return self._apply(readings, now)

    def tick(self, boottime_ms: int) -> list[Sample]:
        """Samples whose time has come; they are dated by the last reading that they hold."""
        samples: list[Sample] = []
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            if event.due_ms > boottime_ms:
                self._waiting.append(event)
                continue
            event.waiting = False
            if event.test is None or event.test(self.latest) is True:
                self._take(event, boottime_ms, samples)
        return samples

    def _apply(self, readings: Sequence[Reading], now: Received) -> list[Sample]:
        """Readings in order of their time, each dated; those of one time make one snapshot."""
        samples: list[Sample] = []
        touched: list[_Event] = []
        latest, seen = self.latest, self._seen
        newest_us = now.wall_us + AHEAD_US if now.trusted else TRUST_UNTIL_US
        before_us: int | None = None
        for index, ts_us, value in readings:
            if ts_us != before_us or seen[index] == self._round:
                # Another time, or a signal that was read twice in one.
                if touched:
                    self._consider_all(touched, before_us or 0, now.boottime_ms, samples)
                self._round, before_us = self._round + 1, ts_us
            seen[index] = self._round
            if not OLDEST_US <= (ts_us or 0) <= newest_us:
                self.counters["implausible_time"] += 1
            kept = None if value is None else self._judges[index](value)
            if kept is None and value is not None:
                continue  # counted; the last good value stays
            if (latest[index] is None) is not (kept is None):
                self._known += 1
                self.counters["value_gone"] += kept is None
            latest[index] = kept
            for event in self._events[index]:
                if not event.touched and (not event.changing or event.news(index, kept, latest)):
                    event.touched = True
                    touched.append(event)
        if touched:
            self._consider_all(touched, before_us or 0, now.boottime_ms, samples)
        return samples

    def _consider_all(self, touched: list[_Event], ts_us: int, boottime_ms: int, samples: list[Sample]) -> None:
        for event in touched:
            event.touched = False
            event.ts_us, event.received_ms = ts_us, boottime_ms
            if not event.waiting:
                self._consider(event, boottime_ms, samples)
        touched.clear()

    def _consider(self, event: _Event, boottime_ms: int, samples: list[Sample]) -> None:
        """Something that the event looks at is new."""
        if event.test is not None:
            before, event.held = event.held, event.test(self.latest) is True
            if not event.held or (event.entering and before):
                return
        if not event.every_ms or boottime_ms >= event.due_ms - event.slack_ms:
            self._take(event, boottime_ms, samples)
        elif event.entering:
            self.counters["held_off"] += 1
        elif not event.waiting:
            event.waiting = True
            self._waiting.append(event)

    def _take(self, event: _Event, boottime_ms: int, samples: list[Sample]) -> None:
        if event.known != self._known:
            event.learn(self.latest, self._known)
        if not event.picks:
            return
        samples.append(Sample(event.number, event.picks, event.ts_us, event.received_ms, event.get(self.latest)))
        if event.changing:
            for index in event.own:
                value = self.latest[index]
                if value is not None:
                    event.shown[index] = value
        if event.every_ms:
            late_ms = max(0, boottime_ms - event.due_ms)
            # A steady rhythm as long as readings keep up with it, a new one after a pause.
            event.due_ms += event.every_ms if late_ms < event.every_ms else late_ms + event.every_ms


def _never(_: Latest) -> bool | None:
    return None


def _nothing(_: Latest) -> tuple[Value, ...]:
    return ()
