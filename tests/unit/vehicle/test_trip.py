"""Drives: begun with the first movement, ended after a time of standing, with their length."""

from gateway.model import Purpose, Value
from vehicle_agent.plan import TripPlan
from vehicle_agent.trip import TripRecord, TripWatch

SPEED, METRES = "Vehicle.Speed", "Vehicle.TraveledDistance"
INDEX = {SPEED: 0, METRES: 1}


def watch(end_after_s: float = 10.0) -> TripWatch:
    """A watch whose drives are numbered 1, 2, ..."""
    ids = iter(range(1, 100))
    plan = TripPlan(moving="Vehicle.Speed > 0", end_after_s=end_after_s, purposes=(Purpose.DRIVING_BEHAVIOUR,))
    trip = TripWatch(plan, lambda: next(ids))
    trip.bind(INDEX)
    return trip


def look(trip: TripWatch, at_ms: int, speed: Value | None, metres: Value | None = None) -> TripRecord | None:
    """Shows values at a time."""
    return trip.look([speed, metres], at_ms * 1_000, at_ms)


def test_a_drive() -> None:
    """Begins once, goes on over a short stop, ends when it stands, dated at the stop, with its metres."""
    trip = watch()
    assert look(trip, 1_000, 0.0, 500) is None
    assert look(trip, 2_000, 5.0, 500) == TripRecord(1, True, 2_000_000, 2_000, None)
    assert look(trip, 3_000, 0.0, 800) is None
    assert trip.due_ms == 13_000
    assert trip.tick(12_999) is None
    assert look(trip, 12_999, 7.0, 800) is None
    assert [trip.due_ms, trip.under_way] == [None, True]
    assert look(trip, 20_000, 0.0, 1_700) is None
    assert look(trip, 25_000, 0.0, 1_700) is None
    assert trip.tick(30_000) == TripRecord(1, False, 20_000_000, 20_000, 1_200.0)
    assert (trip.under_way, trip.tick(99_000)) == (False, None)
    assert look(trip, 40_000, 1.0, 1_700) == TripRecord(2, True, 40_000_000, 40_000, None)


def test_a_vehicle_that_counts_no_metres() -> None:
    """The end has no length; a counter that appears in mid-drive counts from there; one that falls counts nothing."""
    trip = watch()
    look(trip, 1, 5.0)
    look(trip, 2, 0.0)
    ended = trip.tick(20_000)
    assert ended is not None
    assert ended.distance_m is None
    look(trip, 30_000, 5.0)
    look(trip, 31_000, 5.0, 100)
    look(trip, 32_000, 0.0, 150)
    ended = trip.tick(60_000)
    assert ended is not None
    assert ended.distance_m == 50.0
    look(trip, 70_000, 5.0, 100)
    look(trip, 71_000, 0.0, 50)
    ended = trip.tick(90_000)
    assert ended is not None
    assert ended.distance_m is None


def test_what_is_unknown_changes_nothing() -> None:
    """Without a speed a drive neither begins nor stops; it goes on over a new connection to the source."""
    trip = watch()
    assert look(trip, 1, None) is None
    look(trip, 2, 5.0)
    assert look(trip, 3, None) is None
    assert trip.due_ms is None
    trip.bind({METRES: 0})
    assert trip.look([1_000], 4, 4) is None
    trip.bind(INDEX)
    assert look(trip, 5, 6.0) is None
    assert trip.under_way


def test_the_end_of_the_agent() -> None:
    """A drive that stands ends with the agent; one that moves stays open, since nothing says that it ended."""
    trip = watch()
    assert trip.end() is None
    look(trip, 1, 5.0)
    assert trip.end() is None
    look(trip, 2, 0.0)
    ended = trip.end()
    assert ended is not None
    assert not ended.began
