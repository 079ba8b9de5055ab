"""The vehicle agent between a source and a keeper: what is appended, for whom, and what happens when either fails."""

import pytest
from forecourt.v1 import record_pb2

from gateway.errors import LinkError, LinkRefused, StoreFull
from gateway.health import Health
from gateway.model import Purpose, Stream, ValueType
from tests.kit.sources import FLOAT, WALL_US, HandSource
from tests.kit.vehicles import GUEST, Shelf, running, until
from vehicle_agent.agent import SHAPES_PER_EVENT_MAX
from vehicle_agent.metrics import observe
from vehicle_agent.plan import PlanFile
from vehicle_agent.source import Missing, SignalInfo

PLAN = """
[trip]
moving = "Vehicle.Speed > 0"
end_after_s = 30
stream = "urgent"
[[event]]
name = "motion"
signals = ["Vehicle.Speed", "Vehicle.IsMoving"]
on_change = true
purposes = ["driving_behaviour"]
ttl_s = 60
[[event]]
name = "tyre"
signals = ["Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure"]
on_change = true
purposes = ["vehicle_operation"]
stream = "bulk"
"""


def speeds(shelf: Shelf) -> list[object]:
    """The first value of each event of signals."""
    return [event.values[0] for event in shelf.events if isinstance(event.values, tuple)]


async def test_events_reach_the_shelf() -> None:
    """With both times, as the kind of the signals that are there, for the guest whose data it is."""
    source, shelf = HandSource(Speed=FLOAT), Shelf()
    async with running(source, shelf, PLAN) as agent:
        shelf.clock.advance(12.5)
        source.show(Speed=0.0)
        await until(lambda: agent.status().counters["kept"] == 1)
        (event,) = shelf.events
        assert (event.subject, event.ts_us, event.received_ms, event.values) == (GUEST, WALL_US, 12_500, (0.0,))
        kind = event.kind
        assert (kind.name, kind.stream, kind.ttl_s) == ("motion", Stream.LIVE, 60)
        assert [(signal.path, signal.type, signal.unit) for signal in kind.signals] == [
            ("Vehicle.Speed", ValueType.FLOAT, "km/h")
        ]
        status = agent.status()
        assert (status.connected, status.signals, status.counters["kept"]) == (True, 1, 1)
        assert set(status.missing) >= {"Vehicle.IsMoving"}
        shelf.clock.advance(3)
        assert agent.status().last_reading_age_s == 3


async def test_data_about_nobody_has_no_subject() -> None:
    """Purposes that need no consent are kept for nobody, also while a guest is there."""
    tyre = "Chassis.Axle.Row1.Wheel.Left.Tire.Pressure"
    source, shelf = HandSource(**{tyre: SignalInfo(ValueType.INT, "kPa", 0, 1000)}), Shelf()
    async with running(source, shelf, PLAN):
        source.show(**{tyre: 240})
        await until(lambda: len(shelf.events) == 1)
        assert (shelf.events[0].subject, shelf.events[0].kind.stream) == (0, Stream.BULK)


async def test_the_guest_may_change() -> None:
    """Each event belongs to whom the keeper names when it is made."""
    source, shelf = HandSource(Speed=FLOAT), Shelf()
    async with running(source, shelf, PLAN):
        source.show(Speed=0.0)
        await until(lambda: len(shelf.events) == 1)
        shelf.subject = 78
        source.show(Speed=-1.0)
        await until(lambda: len(shelf.events) == 2)
        assert [event.subject for event in shelf.events] == [GUEST, 78]


async def test_drives_are_records() -> None:
    """A drive begins with the first movement and ends by the timer, as records with the same random id."""
    source, shelf = HandSource(Speed=FLOAT, TraveledDistance=SignalInfo(ValueType.INT, "m")), Shelf()
    async with running(source, shelf, PLAN.replace("end_after_s = 30", "end_after_s = 1")) as agent:
        source.show(Speed=5.0, TraveledDistance=1_000)
        source.show(Speed=0.0, TraveledDistance=1_400)
        await until(lambda: source.taken == 2)
        assert agent.status().trip
        shelf.clock.advance(30)
        await until(lambda: agent.status().counters["trips_ended"] == 1)
    trips = []
    for event in shelf.events:
        if isinstance(event.values, bytes):
            record = record_pb2.Record.FromString(event.values)
            trips.append((record.trip.phase, record.trip.id, record.trip.distance_m, event.kind.stream, event.subject))
    (began, first, _, stream, subject), (ended, second, metres, _, _) = trips
    assert (began, ended) == (record_pb2.Trip.PHASE_BEGAN, record_pb2.Trip.PHASE_ENDED)
    assert first == second != 0
    assert (metres, stream, subject) == (400.0, Stream.URGENT, GUEST)


async def test_a_lost_source_is_asked_again() -> None:
    """Errors and ends lead to a new session with new types; what was read before stays appended."""
    source, shelf = HandSource(Speed=FLOAT), Shelf()
    async with running(source, shelf, PLAN) as agent:
        source.show(Speed=0.0)
        await until(lambda: len(shelf.events) == 1)
        source.fail(LinkError("restarted"))
        source.fail()
        await until(lambda: source.sessions == 3)
        source.infos["Vehicle.Speed"] = SignalInfo(ValueType.INT)
        source.fail(LinkRefused("new token"))
        await until(lambda: source.sessions == 4)
        source.show(Speed=3)
        await until(lambda: len(speeds(shelf)) == 2)
        assert agent.status().counters["source_lost"] == 3
        last = next(event for event in reversed(shelf.events) if isinstance(event.values, tuple))
        assert [signal.type for signal in last.kind.signals] == [ValueType.INT]


async def test_a_source_that_is_not_there_yet() -> None:
    """The agent waits, says why, and reads once it comes."""
    source, shelf = HandSource(Speed=FLOAT), Shelf()
    source.down = LinkError("databroker 127.0.0.1:1: unavailable")
    async with running(source, shelf, PLAN) as agent:
        await until(lambda: len(source.asked) >= 3)
        assert (agent.status().connected, agent.status().trouble) == (False, "databroker 127.0.0.1:1: unavailable")
        source.down = None
        source.show(Speed=0.0)
        await until(lambda: len(shelf.events) == 1)
        assert agent.status().connected


async def test_a_source_without_any_signal() -> None:
    """Says so, and looks again: signals may come."""
    source, shelf = HandSource(), Shelf()
    async with running(source, shelf, PLAN) as agent:
        await until(lambda: len(source.asked) >= 2)
        assert "none of the plan's signals" in agent.status().trouble
        source.infos["Vehicle.Speed"] = FLOAT
        source.show(Speed=0.0)
        await until(lambda: len(shelf.events) == 1)


async def test_reading_pauses_while_the_disk_is_slow() -> None:
    """No more than the bound waits for the disk; then reading stops, and goes on with the commit. Nothing is lost."""
    source, shelf = HandSource(Speed=FLOAT), Shelf(at_once=False)
    async with running(source, shelf, PLAN, in_flight_events=10) as agent:
        for number in range(40):
            source.show(Speed=-float(number))
        await until(lambda: agent.status().counters["pauses"] == 1)
        assert (agent.status().in_flight, source.taken, agent.status().counters["kept"]) == (10, 10, 0)
        for _ in range(4):
            await until(lambda: len(shelf.open) == 10)
            shelf.commit()
        await until(lambda: agent.status().counters["kept"] == 40)
        assert speeds(shelf) == [-float(number) for number in range(40)]


async def test_a_full_disk_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Events that were not kept are counted, told once, and the agent goes on."""
    source, shelf = HandSource(Speed=FLOAT), Shelf(error=StoreFull("no room"))
    async with running(source, shelf, PLAN) as agent:
        source.show(Speed=0.0)
        source.show(Speed=-1.0)
        await until(lambda: agent.status().counters["not_kept"] == 2)
        shelf.error = None
        source.show(Speed=-2.0)
        await until(lambda: agent.status().counters["kept"] == 1)
        assert [record.msg for record in caplog.records].count("events_not_kept") == 1


async def test_selections_of_signals_are_bounded() -> None:
    """Signals that come and go make no endless dictionary: over the bound, events are counted and not kept."""
    names = [f"Cabin.Seat.Row1.S{number}" for number in range(7)]
    plan = (
        '[[event]]\nname = "e"\non_change = true\npurposes = ["profile"]\nsignals = ['
        + ", ".join(f'"Vehicle.{name}"' for name in names)
        + "]\n"
    )
    source, shelf = HandSource(**dict.fromkeys(names, FLOAT)), Shelf()
    async with running(source, shelf, plan) as agent:
        for mask in range(1, 128):
            source.show(WALL_US, **{n: float(mask) if mask >> place & 1 else None for place, n in enumerate(names)})
        await until(lambda: source.taken == 127 and agent.status().counters["kept"] >= SHAPES_PER_EVENT_MAX)
        assert len({event.kind for event in shelf.events}) == SHAPES_PER_EVENT_MAX
        assert agent.status().counters["shapes_full"] == 127 - SHAPES_PER_EVENT_MAX


async def test_a_rate_is_told_without_a_further_reading() -> None:
    """A reading between two samples is told by the timer."""
    plan = '[[event]]\nname = "e"\nrate_hz = 20\npurposes = ["driving_behaviour"]\nsignals = ["Vehicle.Speed"]\n'
    source, shelf = HandSource(Speed=FLOAT), Shelf()
    async with running(source, shelf, plan):
        source.show(Speed=1.0)
        source.show(Speed=2.0)
        await until(lambda: source.taken == 2)
        shelf.clock.advance(1)
        await until(lambda: speeds(shelf) == [1.0, 2.0])


async def test_missing_signals_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Each with the line of the plan and the reason, not again at the next connection."""
    source, shelf = HandSource(Speed=FLOAT, IsMoving=Missing("may not be read: the token lacks the scope")), Shelf()
    async with running(source, shelf, PLAN):
        source.show(Speed=0.0)
        source.fail()
        await until(lambda: source.sessions == 2)
    told = [str(record.__dict__) for record in caplog.records if record.msg == "signal_missing"]
    assert sum("plan.toml:8: event[1].signals[2]: Vehicle.IsMoving may not be read" in line for line in told) == 1


async def test_the_health_page_shows_the_source() -> None:
    """Connected, signals and counters as metrics; not ready, with the reason, while the source is away."""
    source, shelf = HandSource(Speed=FLOAT), Shelf()
    source.down = LinkError("away")
    health = Health(port=None)
    async with running(source, shelf, PLAN) as agent:
        observe(health, agent)
        await until(lambda: agent.status().trouble == "away")
        assert health.ready["source"]() == "no signals: away"
        source.down = None
        source.show(Speed=0.0)
        await until(lambda: agent.status().connected)
        assert health.ready["source"]() == ""
        for collector in health.collectors:
            await collector()
        page = health.registry.render()
        assert "forecourt_source_connected 1\n" in page
        assert 'forecourt_source_signals{has="yes"} 1\n' in page
        assert 'forecourt_source_counted_total{what="readings"} 1\n' in page


def test_grants_are_needed_for_what_the_plan_names() -> None:
    """The packaged plan's purposes about a guest are those that a demonstration grants."""
    plan = PlanFile.read(None).plan
    asked = {purpose for event in plan.event for purpose in event.purposes}
    assert asked == {Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS, Purpose.VEHICLE_OPERATION}
