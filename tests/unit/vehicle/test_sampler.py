"""Sampling by example: rates, changes, dead bands, conditions, snapshots, and every kind of bad value."""

import math
from collections.abc import Sequence

import pytest

from gateway.model import Purpose, Value, ValueType
from vehicle_agent.plan import EventPlan, Plan
from vehicle_agent.sampler import Received, Sample, Sampler
from vehicle_agent.source import Missing, Reading, SignalInfo

NOW_US = 1_800_000_000_000_000
A, B, C = "Vehicle.A", "Vehicle.B", "Vehicle.C"
FLOAT = SignalInfo(ValueType.FLOAT)


def event(name: str = "e", signals: Sequence[str] = (A,), **settings: object) -> EventPlan:
    """An event of a plan."""
    return EventPlan(name=name, signals=tuple(signals), purposes=(Purpose.SAFETY,), **settings)  # type: ignore[arg-type]


def sampler_of(*events: EventPlan, infos: dict[str, SignalInfo | Missing] | None = None) -> Sampler:
    """A sampler for signals that are all FLOAT unless told otherwise."""
    plan = Plan(event=events)
    return Sampler(plan, dict.fromkeys(plan.paths, FLOAT) | (infos or {}))


def read(
    sampler: Sampler, at_ms: int, ts_us: int | None = None, trusted: bool = True, **values: Value | None
) -> list[Sample]:
    """Feeds values of A, B, C, dated as they are received unless told otherwise."""
    wall_us = NOW_US + at_ms * 1_000
    found = [
        Reading(sampler.paths.index(f"Vehicle.{name}"), wall_us if ts_us is None else ts_us, value)
        for name, value in values.items()
    ]
    return sampler.feed(found, Received(at_ms, wall_us, trusted))


def told(samples: Sequence[Sample]) -> list[tuple[Value, ...]]:
    """The values of samples."""
    return [sample.values for sample in samples]


def test_on_change() -> None:
    """Each other value is told once, with the time of its datapoint and of its receipt."""
    sampler = sampler_of(event(on_change=True))
    (sample,) = read(sampler, 5, A=1.0)
    assert sample == Sample(0, (0,), NOW_US + 5_000, 5, (1.0,))
    assert read(sampler, 6, A=1.0) == []
    assert told(read(sampler, 7, A=1.5)) == [(1.5,)]
    assert told(read(sampler, 8, A=0.0)) == [(0.0,)]


def test_a_dead_band_counts_from_what_was_told() -> None:
    """Small steps add up; the last value told is what counts, not the last one read."""
    sampler = sampler_of(event(on_change=True, dead_band=1.0))
    steps = [(at, read(sampler, at, A=at * 0.4)) for at in range(10)]
    assert [at for at, samples in steps if samples] == [0, 3, 6, 9]


def test_snapshots_hold_what_is_known() -> None:
    """An event of several signals tells all that have a value; those to come join it, those that go leave it."""
    sampler = sampler_of(event(signals=(A, B, C), on_change=True), infos={C: Missing("not here")})
    (first,) = read(sampler, 1, B=2.0)
    assert (first.picks, first.values) == ((1,), (2.0,))
    (second,) = read(sampler, 2, A=1.0)
    assert (second.picks, second.values) == ((0, 1), (1.0, 2.0))
    assert read(sampler, 3, B=None) == []
    (third,) = read(sampler, 4, A=3.0)
    assert (third.picks, third.values) == ((0,), (3.0,))
    assert sampler.counters["value_gone"] == 1


def test_one_time_is_one_snapshot() -> None:
    """Readings of one message and one time make one sample; of two times, two, in order; twice read, two."""
    sampler = sampler_of(event(signals=(A, B), on_change=True))
    assert told(read(sampler, 1, A=1.0, B=2.0)) == [(1.0, 2.0)]
    late, early = Reading(0, NOW_US + 9, 5.0), Reading(1, NOW_US + 8, 6.0)
    samples = sampler.feed([late, early], Received(2, NOW_US + 10, True))
    assert [(one.ts_us - NOW_US, one.values) for one in samples] == [(8, (1.0, 6.0)), (9, (5.0, 6.0))]
    twice = [Reading(0, NOW_US, 7.0), Reading(0, NOW_US, 8.0), Reading(1, NOW_US, 9.0)]
    assert told(sampler.feed(twice, Received(3, NOW_US, True))) == [(7.0, 6.0), (8.0, 9.0)]


def test_a_rate_is_kept() -> None:
    """At 1 Hz one sample a second, at once where a reading is due, else by the timer; nothing new, nothing told."""
    sampler = sampler_of(event(rate_hz=1.0))
    assert told(read(sampler, 10_000, A=1.0)) == [(1.0,)]
    assert read(sampler, 10_100, A=2.0) == []
    assert sampler.due_ms == 11_000
    assert read(sampler, 10_500, A=3.0) == []
    assert sampler.tick(10_999) == []
    (sample,) = sampler.tick(11_000)
    assert (sample.values, sample.ts_us, sample.received_ms) == ((3.0,), NOW_US + 10_500_000, 10_500)
    assert [sampler.due_ms, sampler.tick(12_000)] == [None, []]
    assert told(read(sampler, 11_950, A=4.0)) == [(4.0,)], "a little early is in time"
    assert read(sampler, 12_500, A=5.0) == []
    assert sampler.due_ms == 13_000, "the rhythm stays"


def test_a_rate_with_a_condition() -> None:
    """While the condition does not hold nothing is told, also not by the timer."""
    sampler = sampler_of(event(rate_hz=1.0, when="Vehicle.B > 0"))
    assert read(sampler, 1_000, A=1.0) == []
    assert read(sampler, 1_001, B=1.0) == []
    assert told(read(sampler, 1_002, A=2.0)) == [(2.0,)]
    assert read(sampler, 1_500, A=3.0) == []
    read(sampler, 1_600, B=0.0)
    assert sampler.tick(2_100) == []


def test_on_change_while_a_condition_holds() -> None:
    """A change that came before is told when the condition begins to hold, once; others are not."""
    sampler = sampler_of(event(on_change=True, when="Vehicle.B > 0"))
    assert read(sampler, 1, A=1.0) == []
    assert told(read(sampler, 2, B=1.0)) == [(1.0,)]
    assert read(sampler, 3, B=2.0) == []
    assert told(read(sampler, 4, A=5.0)) == [(5.0,)]
    assert read(sampler, 5, B=0.0) == []
    assert read(sampler, 6, A=5.5) == []


def test_on_enter() -> None:
    """Told once each time the condition begins to hold, with the values of that moment; a hold-off bounds it."""
    sampler = sampler_of(event(signals=(A, B), on_enter=True, when="Vehicle.A < -3", hold_off_s=1.0))
    read(sampler, 1, B=50.0)
    assert read(sampler, 1_000, A=-2.0) == []
    assert told(read(sampler, 1_001, A=-4.0)) == [(-4.0, 50.0)]
    assert read(sampler, 1_002, A=-5.0) == []
    assert read(sampler, 1_003, A=0.0) == []
    assert read(sampler, 1_004, A=-4.0) == []
    assert sampler.counters["held_off"] == 1
    read(sampler, 2_000, A=0.0)
    assert told(read(sampler, 2_100, A=-9.0)) == [(-9.0, 50.0)]


def test_a_condition_on_a_missing_signal_never_holds() -> None:
    """Its event stays silent, others go on."""
    sampler = sampler_of(
        event("a", on_enter=True, when="Vehicle.B > 0"), event("b", on_change=True), infos={B: Missing("gone")}
    )
    assert [sample.event for sample in read(sampler, 1, A=1.0)] == [1]


@pytest.mark.parametrize(
    ("info", "value", "why"),
    [
        (FLOAT, math.nan, "nan"),
        (FLOAT, math.inf, "out_of_range"),
        (FLOAT, 1e39, "out_of_range"),
        (FLOAT, True, "wrong_type"),
        (FLOAT, "1", "wrong_type"),
        (FLOAT, (1 << 53) + 1, "wrong_type"),
        (SignalInfo(ValueType.DOUBLE, low=-90, high=90), 90.1, "out_of_range"),
        (SignalInfo(ValueType.INT, low=0, high=255), 256, "out_of_range"),
        (SignalInfo(ValueType.INT), 1 << 63, "out_of_range"),
        (SignalInfo(ValueType.INT), 1.0, "wrong_type"),
        (SignalInfo(ValueType.INT, allowed=frozenset({1, 2})), 3, "not_allowed"),
        (SignalInfo(ValueType.BOOL), 1, "wrong_type"),
        (SignalInfo(ValueType.STRING, allowed=frozenset({"ON"})), "OFF", "not_allowed"),
        (SignalInfo(ValueType.STRING), "x" * 5_000, "too_long"),
        (SignalInfo(ValueType.STRING), "\u20ac" * 1_500, "too_long"),
        (SignalInfo(ValueType.STRING), "\ud800", "wrong_type"),
        (SignalInfo(ValueType.STRING), 5, "wrong_type"),
    ],
)
def test_bad_values_are_counted(info: SignalInfo, value: Value, why: str) -> None:
    """A value that cannot be is counted by its reason; the last good value stays, and neighbours are told."""
    sampler = sampler_of(event("a", on_change=True), event("b", signals=(B,), on_change=True), infos={A: info})
    samples = read(sampler, 1, A=value, B=1.0)
    assert [sample.event for sample in samples] == [1]
    assert {name: count for name, count in sampler.counters.items() if count and name != "readings"} == {why: 1}
    assert sampler.counters["readings"] == 2


def test_whole_numbers_become_fractions_where_those_are_wanted() -> None:
    """A source that writes 3 for 3.0 is understood; the sample has the exact type."""
    sampler = sampler_of(event(on_change=True))
    (sample,) = read(sampler, 1, A=3)
    assert type(sample.values[0]) is float


def test_impossible_dates_are_counted_and_kept() -> None:
    """A datapoint of 2060 or 1970 in mid-drive keeps its time beside that of its receipt, and is counted."""
    sampler = sampler_of(event(on_change=True))
    in_2060, in_1970 = 2_840_000_000_000_000, 3_600_000_000
    (sample,) = read(sampler, 7, ts_us=in_2060, A=1.0)
    assert (sample.ts_us, sample.received_ms) == (in_2060, 7)
    assert read(sampler, 8, ts_us=in_1970, A=2.0)[0].ts_us == in_1970
    assert read(sampler, 9, A=3.0)
    assert sampler.counters["implausible_time"] == 2


def test_a_clock_that_is_not_trusted_judges_little() -> None:
    """With our own clock at 1970, a datapoint of today is plausible and one of 2060 is not."""
    sampler = sampler_of(event(on_change=True))
    lost, in_2060 = Received(1, 5_000_000, False), 2_840_000_000_000_000
    for ts_us, count in ((NOW_US, 0), (in_2060, 1), (1_000, 2)):
        sampler.feed([Reading(0, ts_us, 1.0)], lost)
        assert sampler.counters["implausible_time"] == count
    sampler.feed([Reading(0, NOW_US, 1.0)], Received(1, 5_000_000, True))
    assert sampler.counters["implausible_time"] == 3


def test_what_is_undated_has_the_time_of_its_receipt() -> None:
    """Counted, and told with our wall clock."""
    sampler = sampler_of(event(on_change=True))
    (sample,) = sampler.feed([Reading(0, None, 1.0)], Received(3, NOW_US, True))
    assert (sample.ts_us, sampler.counters["undated"]) == (NOW_US, 1)
    mixed = [Reading(0, None, 2.0), Reading(0, NOW_US - 5, 3.0)]
    assert told(sampler.feed(mixed, Received(4, NOW_US, True))) == [(3.0,), (2.0,)]


def test_nothing_is_nothing() -> None:
    """An empty message makes no sample; a plan that nothing fits reads nothing."""
    sampler = sampler_of(event(on_change=True), infos={A: Missing("gone")})
    assert (sampler.paths, sampler.due_ms) == ((), None)
    assert sampler.feed([], Received(1, NOW_US, True)) == []
