"""Proves which changes count as the guest's wish: by hand, seated, stable, and not our own."""

import pytest

from vehicle_agent.cabin.intent import HAND_MS, STABLE_MS, Change, IntentFilter
from vehicle_agent.cabin.paths import SEATS, direction, switches

SEAT = "Vehicle.Cabin.Seat.Row1.DriverSide."
LEAF, SWITCH, BACK = SEAT + "Position", SEAT + "IsForwardSwitchEngaged", SEAT + "IsBackwardSwitchEngaged"
AIR = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature"


@pytest.fixture
def intent() -> IntentFilter:
    """With a guest."""
    found = IntentFilter({LEAF: 0.5, AIR: 0.25}, switches("Row1.DriverSide"))
    found.begin()
    return found


def pressed(intent: IntentFilter, at_ms: int = 0) -> None:
    """A hand moves the seat from 100 to 90 in half a second."""
    intent.switch(SWITCH, True, at_ms)
    intent.changed(LEAF, 100, 95, at_ms + 250)
    intent.changed(LEAF, 95, 90, at_ms + 500)
    intent.switch(SWITCH, False, at_ms + 500)


def test_a_hand_and_ten_seconds(intent: IntentFilter) -> None:
    """Neither before, nor twice."""
    pressed(intent)
    assert intent.due(500 + STABLE_MS - 1, seated=True) == []
    assert intent.due(500 + STABLE_MS, seated=True) == [Change(LEAF, 100, 90, 500)]
    assert intent.due(90_000, seated=True) == []


def test_a_pressed_switch_is_not_stable(intent: IntentFilter) -> None:
    """As long as it is down, nothing is due."""
    intent.switch(SWITCH, True, 0)
    intent.changed(LEAF, 100, 0, 100)
    assert intent.due(60_000, seated=True) == []


def test_nobody_there(intent: IntentFilter) -> None:
    """Without a guest in the seat it is dropped; where nobody can tell it waits."""
    pressed(intent)
    assert intent.due(11_000, seated=None) == []
    assert intent.due(12_000, seated=True) == [Change(LEAF, 100, 90, 500)]
    pressed(intent, 20_000)
    assert intent.due(31_000, seated=False) == []
    assert intent.due(32_000, seated=True) == []
    intent.end()
    pressed(intent, 40_000)
    assert intent.due(60_000, seated=True) == []


def test_easy_entry_takes_the_place_of_a_wish(intent: IntentFilter) -> None:
    """What moves on by itself was not left to stand; a motion without a hand is none."""
    pressed(intent)
    intent.changed(LEAF, 90, 200, 500 + HAND_MS + 1)
    assert intent.due(30_000, seated=True) == []
    intent.changed(LEAF, 200, 90, 40_000)
    assert intent.due(60_000, seated=True) == []


def test_a_hand_told_before_or_after(intent: IntentFilter) -> None:
    """A head unit tells of a knob within a second of the change, in either order; later is another change."""
    intent.touched(AIR, 0)
    intent.changed(AIR, 20.0, 21.0, HAND_MS)
    assert [one.after for one in intent.due(20_000, seated=True)] == [21.0]
    intent.changed(AIR, 21.0, 22.0, 30_000)
    intent.touched(AIR, 30_000 + HAND_MS)
    assert [one.after for one in intent.due(50_000, seated=True)] == [22.0]
    intent.changed(AIR, 22.0, 23.0, 60_000)
    intent.touched(AIR, 60_001 + HAND_MS)
    assert intent.due(80_000, seated=True) == []
    intent.touched("Vehicle.Cabin.Infotainment.HMI.Brightness", 90_000)


def test_what_a_plan_set_is_what_counts(intent: IntentFilter) -> None:
    """Its value is no wish, clamped or not; going back to it is none either, until a wish came between."""
    intent.planned(LEAF, 100)
    pressed(intent)
    intent.switch(BACK, True, 1_000)
    intent.changed(LEAF, 90, 100, 1_500)
    intent.switch(BACK, False, 1_500)
    assert intent.due(20_000, seated=True) == []
    pressed(intent, 30_000)
    assert [one.after for one in intent.due(50_000, seated=True)] == [90]
    intent.switch(BACK, True, 60_000)
    intent.changed(LEAF, 90, 100, 60_500)
    intent.switch(BACK, False, 60_500)
    assert [(one.before, one.after) for one in intent.due(80_000, seated=True)] == [(90, 100)]


def test_a_hand_during_a_plan(intent: IntentFilter) -> None:
    """Where the guest took over, his value counts, but for one that is the plan's own."""
    pressed(intent)
    intent.planned(LEAF, 90, by_hand=True)
    assert intent.due(20_000, seated=True) == []
    pressed(intent, 30_000)
    intent.planned(LEAF, 120, by_hand=True)
    assert [one.after for one in intent.due(50_000, seated=True)] == [90]


def test_a_lost_connection_keeps_a_wish_and_no_hand(intent: IntentFilter) -> None:
    """The value is the same afterwards: it still stands. A switch that was down is not known to be."""
    pressed(intent)
    intent.switch(SWITCH, True, 600)
    intent.hands_off()
    intent.changed(LEAF, None, 90, 5_000)
    assert [one.after for one in intent.due(20_000, seated=True)] == [90]
    intent.switch(SWITCH, False, 21_000)
    intent.changed(LEAF, 90, 50, 21_001)
    assert intent.due(40_000, seated=True) == []


def test_switches_point_both_ways() -> None:
    """Every leaf with switches has one for each way."""
    for seat in SEATS:
        ways: dict[str, set[int]] = {}
        for switch, moved in switches(seat).items():
            for path in moved:
                ways.setdefault(path, set()).add(direction(switch))
        assert set(map(frozenset, ways.values())) == {frozenset({-1, 1})}
