"""Proves what a plan takes over and what it cuts: types, ranges, levels, heat, taps, and what a card says."""

from dataclasses import replace

import pytest

from tests.kit.cabins import ADDRESS, FAN, HEAT, LATITUDE, LIMITS, MIRROR, POSITION, PRESETS, DeskCard, DeskTarget, fit
from vehicle_agent.cabin.fitting import limits_of, wanted_of
from vehicle_agent.cabin.inputs import Inputs
from vehicle_agent.cabin.outcome import OutcomeKind, Reason, Setting
from vehicle_agent.cabin.plan import Limits, Plan, Terms, Wanted, build

WORDS = replace(LIMITS[ADDRESS], words=True)
LIST = replace(WORDS, listed=True)
TRUTH = Limits(policy="any_time", truth=True)


def plan(path: str, value: Setting, limits: Limits, terms: Terms | None = None, sure: bool = True) -> Plan:
    """A plan of one actuator that stands somewhere."""
    inputs = Inputs()
    inputs.connected(frozenset({path}), frozenset({path}))
    inputs.take(path, 1, 0, 0)
    wanted = Wanted(path, path, value, sure=sure)
    return build("plan", 0, [wanted], {path: limits}, inputs, terms or Terms())


@pytest.mark.parametrize(
    ("path", "value", "limits", "reason"),
    [
        (POSITION, 240, LIMITS[POSITION], Reason.NONE),
        (POSITION, 240.5, LIMITS[POSITION], Reason.OUT_OF_RANGE),
        (POSITION, -1, LIMITS[POSITION], Reason.OUT_OF_RANGE),
        (POSITION, True, LIMITS[POSITION], Reason.WRONG_TYPE),
        (POSITION, "7", LIMITS[POSITION], Reason.WRONG_TYPE),
        (POSITION, float("nan"), LIMITS[POSITION], Reason.NOT_A_NUMBER),
        (POSITION, float("-inf"), LIMITS[POSITION], Reason.NOT_A_NUMBER),
        (POSITION, 7, replace(LIMITS[POSITION], low=None), Reason.NO_RANGE),
        (POSITION, 7, replace(LIMITS[POSITION], low=9, high=8), Reason.NO_RANGE),
        (POSITION, 7, replace(LIMITS[POSITION], speed_per_s=0.0), Reason.NO_SPEED),
        (POSITION, 7, replace(LIMITS[POSITION], speed_per_s=float("nan")), Reason.NO_SPEED),
        (POSITION, 7, replace(LIMITS[POSITION], readback=False), Reason.NO_READBACK),
        (POSITION, 7, replace(LIMITS[POSITION], step=4), Reason.TOO_COARSE),
        (POSITION, 7, replace(LIMITS[POSITION], speed_per_s=6, whole=True), Reason.TOO_COARSE),
        (POSITION, 7, replace(LIMITS[POSITION], policy="never"), Reason.NEVER),
        (FAN, 30, replace(LIMITS[FAN], readback=False), Reason.NONE),
        (ADDRESS, "Weg 1", WORDS, Reason.NONE),
        (ADDRESS, "ä" * 513, WORDS, Reason.OUT_OF_RANGE),
        (ADDRESS, "\ud800", WORDS, Reason.NONE),
        (ADDRESS, ("a",), WORDS, Reason.WRONG_TYPE),
        (PRESETS, ("a", "b"), LIST, Reason.NONE),
        (PRESETS, "a", LIST, Reason.WRONG_TYPE),
        (PRESETS, ("a",) * 65, LIST, Reason.WRONG_TYPE),
        (ADDRESS, True, TRUTH, Reason.NONE),
        (ADDRESS, 1, TRUTH, Reason.WRONG_TYPE),
        ("Vehicle.Cabin.Door.Row1.DriverSide.IsOpen", True, TRUTH, Reason.FORBIDDEN),
    ],
)
def test_values_are_checked(path: str, value: Setting, limits: Limits, reason: Reason) -> None:
    """What no state of the car could make right is refused before anything moves."""
    made = plan(path, value, limits)
    assert [one.reason for one in made.refused] == ([reason] if reason else [])
    assert len(made.steps) == (not reason)
    if reason is Reason.NEVER:
        assert made.refused[0].kind is OutcomeKind.SKIPPED


@pytest.mark.parametrize(
    ("limits", "wanted", "warm"),
    [
        (Limits(-100, 100, 10, whole=True), 90, 50),
        (Limits(-100, 100, 10, whole=True), 50, 50),
        (Limits(0, 99, 33, whole=True), 99, 33),
        (Limits(0, 100, 1, levels=(0, 30, 60, 100)), 100, 30),
        (Limits(0, 100, 1, levels=(60, 100)), 100, 0),
        (Limits(-100, 100, 10, whole=True), -80, -80),
    ],
)
def test_heat_is_cut_to_what_the_car_has(limits: Limits, wanted: int, warm: int) -> None:
    """Never more than half, on a step or level of the car; cooling is not cut."""
    [step] = plan(HEAT, wanted, replace(limits, policy="any_time")).steps
    assert step.value == warm
    assert step.reason == ("limited_heating" if warm != wanted else "")


def test_a_tap_is_needed_where_a_translation_is_not_sure() -> None:
    """Seats: EXACT or CALIBRATED and within 25 mm; mirrors: EXACT; what does not move: always."""

    def sure(path: str, confidence: str, residual_mm: float = 0.0) -> bool:
        [one] = wanted_of(fit({path: 1}, confidence=confidence, residual_mm=residual_mm))
        return one.sure

    assert sure(POSITION, "EXACT")
    assert sure(POSITION, "calibrated", 25.0)
    assert not sure(POSITION, "calibrated", 25.1)
    assert not sure(POSITION, "CLASS")
    assert sure(MIRROR, "EXACT")
    assert not sure(MIRROR, "CALIBRATED")
    assert plan(POSITION, 7, LIMITS[POSITION], sure=False).refused[0].reason == "needs_a_tap"
    assert plan(POSITION, 7, LIMITS[POSITION], Terms(confirmed=True), sure=False).steps
    assert plan(FAN, 30, LIMITS[FAN], sure=False).steps


def test_another_seat_is_not_the_guests() -> None:
    """Nor the mirrors, for a guest who does not drive; the air of the cabin is everybody's."""
    rear = Terms(seat="Row2.PassengerSide")
    for path in (POSITION, HEAT, MIRROR, "Vehicle.Chassis.SteeringWheel.Tilt"):
        assert plan(path, 1, LIMITS[POSITION], rear).refused[0].reason == "other_seat"
    assert plan(FAN, 10, LIMITS[FAN], rear).steps


def test_a_place_on_earth_is_never_nearly_the_same() -> None:
    """A card's coarse step does not make two homes one."""
    limits = limits_of(DeskCard({LATITUDE: Limits(-90, 90, 1.0, 0, "any_time")}))[LATITUDE]
    assert limits.tolerance == 0.0
    assert limits_of(DeskCard())[POSITION].tolerance == 0.5
    assert wanted_of(fit({})) == []
    assert DeskTarget("a", "b", 1).why == ""
