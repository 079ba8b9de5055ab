"""Conditions: what parses, what they mean with unknown values, and how mistakes are told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.model import Value, ValueType
from vehicle_agent.condition import Condition

SPEED, OPEN, MODE, GEAR = "Vehicle.Speed", "Vehicle.Door.IsOpen", "Vehicle.Mode", "Vehicle.Gear"
INDEX = {SPEED: 0, OPEN: 1, MODE: 2, GEAR: 3}
LATEST: list[Value | None] = [12.5, True, "ECO", None]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("Vehicle.Speed > 0", True),
        ("Vehicle.Speed >= 12.5", True),
        ("12.5 == Vehicle.Speed", True),
        ("Vehicle.Speed < -1e3", False),
        ("Vehicle.Speed != 12", True),
        ("Vehicle.Door.IsOpen", True),
        ("not Vehicle.Door.IsOpen", False),
        ("Vehicle.Door.IsOpen == false", False),
        ('Vehicle.Mode == "ECO"', True),
        ("Vehicle.Mode != 'ECO'", False),
        ("Vehicle.Speed > 0 and Vehicle.Door.IsOpen", True),
        ("Vehicle.Speed > 99 or Vehicle.Door.IsOpen and Vehicle.Speed > 0", True),
        ("(Vehicle.Speed > 99 or Vehicle.Door.IsOpen) and Vehicle.Speed > 99", False),
        ("not (Vehicle.Speed > 0 and Vehicle.Speed < 10)", True),
        ("Vehicle.Gear > 0", None),
        ("not Vehicle.Gear > 0", None),
        ("Vehicle.Gear > 0 or Vehicle.Speed > 0", True),
        ("Vehicle.Gear > 0 and Vehicle.Speed > 99", False),
        ("Vehicle.Gear > 0 and Vehicle.Speed > 0", None),
        ("Vehicle.Mode > 1", None),
        ("Vehicle.Speed == true", None),
        ("Vehicle.Speed", None),
        ("Vehicle.Speed>0 and(Vehicle.Speed<13)", True),
    ],
)
def test_what_a_condition_means(text: str, holds: bool | None) -> None:
    """Comparisons, junctions by rank, parentheses; what has no value or cannot be compared is unknown."""
    assert Condition(text).compile(INDEX)(LATEST) is holds


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "at its end: wanted is a signal"),
        ("Vehicle.Speed >", "at its end: wanted is a signal"),
        ("Vehicle.Speed > 0 Vehicle.Speed", "at character 19 stands 'Vehicle.Speed': wanted is and, or, or the end"),
        ("Vehicle.Speed = 0", "at character 15 stands '=': wanted is"),
        ("(Vehicle.Speed > 0", "at its end: wanted is a closing parenthesis"),
        ("Vehicle.Speed > 0)", "stands ')'"),
        ("1 < 2", "1.0 is no signal"),
        ("true", "True is no signal"),
        ("Vehicle.Speed > 12km", "stands '1'"),
        ("Vehicle.Speed > 1e999", "wanted is a number that can be written"),
        ("__import__('os').system('x')", "wanted is"),
        ("Vehicle.Speed > 0 and and", "stands 'and'"),
        ("(" * 40 + "Vehicle.Speed" + ")" * 40, "nested deeper than 32"),
        ("not " * 40 + "Vehicle.Speed", "nested deeper than 32"),
        ("Vehicle.Speed > 0 or " * 60 + "Vehicle.Speed", "longer than 1024"),
    ],
)
def test_mistakes_are_told(text: str, told: str) -> None:
    """Each mistake says where it stands and what is wanted there."""
    with pytest.raises(InputError) as caught:
        Condition(text)
    assert told in str(caught.value)


def test_the_signals_of_a_condition() -> None:
    """Each once, in the order of first mention."""
    condition = Condition("Vehicle.B > 1 and (Vehicle.A or Vehicle.B < 3)")
    assert condition.paths == ("Vehicle.B", "Vehicle.A")


def test_what_can_never_hold_is_told() -> None:
    """With the types of a vehicle, comparisons between kinds are named; unknown signals are not judged."""
    types = {SPEED: ValueType.FLOAT, OPEN: ValueType.BOOL, MODE: ValueType.STRING}
    condition = Condition(
        "Vehicle.Speed == true or Vehicle.Mode > 'A' or Vehicle.Speed or Vehicle.Door.IsOpen or Vehicle.Gear == 1"
    )
    assert condition.unfit(types) == [
        "Vehicle.Speed is a number, True is true or false",
        "Vehicle.Mode > 'A': only numbers have an order",
        "Vehicle.Speed is a number: compare it with something",
    ]


@settings(deadline=None)
@given(st.text("VehicleSpd.AND andornt()<>=!\"' 01.-", max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No text ends in anything but a condition or an InputError."""
    try:
        condition = Condition(text)
    except InputError:
        return
    index = dict.fromkeys(condition.paths, 0)
    for value in (None, 1.5, True, "x"):
        assert condition.compile(index)([value]) in {True, False, None}
