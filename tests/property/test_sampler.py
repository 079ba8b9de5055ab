"""What sampling promises for any readings: nothing invented, no change lost, rates and dead bands kept."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Purpose, Value, ValueType
from vehicle_agent.plan import EventPlan, Plan
from vehicle_agent.sampler import Received, Sample, Sampler
from vehicle_agent.source import Reading, SignalInfo

WALL_US = 1_800_000_000_000_000
NUMBER = st.floats(-100, 100, width=32) | st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf")])
ODD: st.SearchStrategy[Value | None] = st.sampled_from([None, True, "x", 10**400, "y" * 5_000])
VALUE = NUMBER | ODD
TIME = st.integers(-(1 << 62), 1 << 62) | st.none() | st.integers(WALL_US, WALL_US + 5)
MESSAGE = st.lists(st.tuples(st.integers(0, 2), TIME, VALUE), max_size=6)
MESSAGES = st.lists(st.tuples(st.integers(0, 1_500), MESSAGE), max_size=25)
Messages = Sequence[tuple[int, Sequence[tuple[int, int | None, Value | None]]]]


def run(event: EventPlan, messages: Messages) -> tuple[Sampler, list[tuple[int, list[Value | None], Sample]]]:
    """Plays messages with their pauses (ms), ticking whenever it is due; samples with the clock and what was latest."""
    plan = Plan(event=(event,))
    sampler = Sampler(plan, dict.fromkeys(plan.paths, SignalInfo(ValueType.FLOAT)))
    signals = len(sampler.paths)
    now_ms, made = 10_000, list[tuple[int, list[Value | None], Sample]]()
    for pause_ms, message in [*messages, (5_000, [])]:
        end_ms = now_ms + pause_ms
        while (due_ms := sampler.due_ms) is not None and due_ms <= end_ms:
            now_ms = max(now_ms, due_ms)
            made += [(now_ms, list(sampler.latest), sample) for sample in sampler.tick(now_ms)]
        now_ms = end_ms
        readings = [Reading(signal % signals, ts_us, value) for signal, ts_us, value in message]
        samples = sampler.feed(readings, Received(now_ms, WALL_US + now_ms * 1_000, True))
        made += [(now_ms, list(sampler.latest), sample) for sample in samples]
    return sampler, made


def plan_of(count: int, **how: object) -> EventPlan:
    """An event of so many signals."""
    paths = tuple(f"Vehicle.S{number}" for number in range(count))
    return EventPlan(name="e", signals=paths, purposes=(Purpose.SAFETY,), **how)  # type: ignore[arg-type]


def good(messages: Messages) -> list[float]:
    """Values that a FLOAT signal may have, in the order in which they were sent."""
    sent = [value for _, message in messages for _, _, value in message]
    return [value for value in sent if isinstance(value, float) and abs(value) < 3.5e38]


@settings(deadline=None, max_examples=150)
@given(MESSAGES, st.sampled_from(["on_change", "rate", "enter"]))
def test_samples_hold_what_was_read(messages: Messages, how: str) -> None:
    """Every sample has only exact floats that were read, one for each pick, and times that were read."""
    event = {
        "on_change": plan_of(3, on_change=True, dead_band=2.0),
        "rate": plan_of(3, rate_hz=2.0),
        "enter": plan_of(3, on_enter=True, when="Vehicle.S0 > 1 and not Vehicle.S1 < 0"),
    }[how]
    sampler, made = run(event, messages)
    values = {repr(value) for value in good(messages)}
    assert sampler.counters["readings"] == sum(len(message) for _, message in messages)
    for now_ms, _, sample in made:
        assert len(sample.picks) == len(sample.values) > 0
        assert all(type(value) is float and repr(value) in values for value in sample.values)
        assert 10_000 <= sample.received_ms <= now_ms


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 900), NUMBER), max_size=40))
def test_no_change_is_lost(steps: list[tuple[int, float]]) -> None:
    """Without a dead band the samples of one signal are its good values without repetitions."""
    messages = [(pause_ms, [(0, WALL_US, value)]) for pause_ms, value in steps]
    _, made = run(plan_of(1, on_change=True), messages)
    wanted: list[float] = []
    for value in good(messages):
        if not wanted or wanted[-1] != value:
            wanted.append(value)
    assert [sample.values[0] for _, _, sample in made] == wanted


@settings(deadline=None, max_examples=150)
@given(MESSAGES, st.floats(0.5, 50))
def test_a_dead_band_bounds_the_error(messages: Messages, band: float) -> None:
    """What was told last is never further than the dead band from what was read last."""
    sampler, made = run(plan_of(1, on_change=True, dead_band=band), messages)
    latest = sampler.latest[0]
    if latest is not None:
        assert isinstance(latest, float)
        told = made[-1][2].values[0]
        assert isinstance(told, float)
        assert abs(latest - told) <= band


@settings(deadline=None, max_examples=150)
@given(MESSAGES, st.sampled_from([0.5, 1.0, 10.0]))
def test_a_rate_is_a_bound_and_tells_the_last(messages: Messages, rate_hz: float) -> None:
    """In any window there are no more samples than the rate allows, and the last good reading is told in the end."""
    sampler, made = run(plan_of(1, rate_hz=rate_hz), messages)
    period_ms = 1_000 / rate_hz
    times = [now_ms for now_ms, _, _ in made]
    for count in range(1, len(times)):
        # A reading may come a tenth of a period early, once.
        assert times[count] - times[0] >= (count - 0.1) * period_ms - count
    if sampler.latest[0] is not None:
        assert made[-1][2].values[0] == sampler.latest[0]


@settings(deadline=None, max_examples=150)
@given(MESSAGES)
def test_conditions_hold_where_they_guard(messages: Messages) -> None:
    """A sample of a rate under a condition is made only while the condition holds."""
    _, made = run(plan_of(2, rate_hz=5.0, when="Vehicle.S0 > 0"), messages)
    for _, _, sample in made:
        first = sample.values[sample.picks.index(0)]
        assert isinstance(first, float)
        assert first > 0
