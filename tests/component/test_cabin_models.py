"""Proves that one profile goes into every model through the cabin, and that a hand there teaches only what it did."""

import asyncio

import pytest

from gateway.profile import Value
from gateway.profile.fit import Card, Fit, Setting, fit, learn, load_cards, overlay_path, unfit
from simulators.databroker import Catalogue
from tests.kit.cabins import GUEST, POSITION, Rig, rig
from tests.kit.databrokers import until
from vehicle_agent.cabin import CabinEdit, Outcome, OutcomeKind
from vehicle_agent.cabin.fitting import limits_of
from vehicle_agent.cabin.paths import leaf_of

SALOON: dict[str, Setting] = {
    POSITION: 150,
    "Vehicle.Cabin.Seat.Row1.DriverSide.Height": 30,
    "Vehicle.Cabin.Seat.Row1.DriverSide.Backrest.Recline": 22.0,
    "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature": 21.5,
    "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed": 40,
    "Vehicle.Cabin.Infotainment.Media.Volume": 25,
    "Vehicle.Private.Forecourt.Radio.Presets": ("dab:e0.10bc.d3a1", "fm:d3a1@88700"),
    "Vehicle.Private.Forecourt.Home.Address": "Am Weg 1",
    "Vehicle.Private.Forecourt.Home.Latitude": 52.123456,
    "Vehicle.Private.Forecourt.Home.Longitude": 9.654321,
}
GOOD = {OutcomeKind.APPLIED, OutcomeKind.ALREADY, OutcomeKind.CLAMPED}
pytestmark = pytest.mark.timed


def profile(cards: dict[str, Card]) -> dict[str, Value]:
    """What a guest set in the saloon."""
    saloon = cards["saloon"]
    shown: dict[str, Setting] = {
        path: (one.low + one.high) / 2
        for path, one in saloon.actuators.items()
        if one.low is not None and one.high is not None
    }
    return unfit(shown | SALOON, saloon)


def near(wanted: Fit, card: Card) -> dict[str, Setting]:
    """Everything that moves a little away from where it shall go, so that a test need not wait for the travel."""
    found: dict[str, Setting] = {}
    for one in wanted.targets:
        actuator = card.actuators[one.path]
        if leaf_of(one.path).moves.is_motion and isinstance(one.value, int | float):
            aside = 2 * (actuator.step or 1)
            found[one.path] = one.value - aside if one.value - aside >= actuator.ends[0] else one.value + aside
    return found


async def applied(car: Rig, wanted: Fit) -> dict[str, Outcome]:
    """After a tap of the guest; by field."""
    return {one.field: one for one in await car.cabin.apply(wanted, "plan", GUEST, confirmed=True)}


@pytest.mark.parametrize("model", ["suv", "city"])
async def test_a_profile_goes_into_every_model(model: str) -> None:
    """Each field has one outcome, every target is where it should be, and nobody else's seat moved."""
    cards = dict(await asyncio.to_thread(load_cards))
    card, private = cards[model], await asyncio.to_thread(Catalogue.read, overlay_path())
    values = profile(cards)
    wanted = fit(values, {}, card, cards)
    async with rig(limits=limits_of(card), private=private, put=near(wanted, card)) as car:
        before = {path: value for path, value in car.unit.unit.shown().items() if "PassengerSide" in path}
        done = await applied(car, wanted)
        assert sorted(done) == sorted({one.field for one in wanted.targets} | {field for field, _ in wanted.skipped})
        others = {one.field: "other_seat" for one in wanted.targets if ".PassengerSide.HeatingCooling" in one.path}
        assert {
            one.field: one.reason for one in done.values() if one.kind not in GOOD | {OutcomeKind.SKIPPED}
        } == others
        assert POSITION in {one.path for one in wanted.targets}
        for one in wanted.targets:
            if one.field in others:
                continue
            shown = car.shown(one.path)
            assert shown == pytest.approx(one.value) if isinstance(one.value, int | float) else shown == one.value
        after = car.unit.unit.shown()
        assert {path: after[path] for path in before if leaf_of(path).moves.value == "seat"} == {
            path: value for path, value in before.items() if leaf_of(path).moves.value == "seat"
        }


async def test_what_a_hand_changed_is_learned_and_no_more() -> None:
    """In the city car, whose seat cannot do what the guest wants: a knob and a switch teach only what they changed."""
    cards = dict(await asyncio.to_thread(load_cards))
    card, private = cards["city"], await asyncio.to_thread(Catalogue.read, overlay_path())
    values = profile(cards) | {"seat.leg_mm": 1_050.0}
    wanted = fit(values, {}, card, cards)
    assert any(one.clamped for one in wanted.targets if one.path == POSITION), "the guest is too tall for it"
    air = card.zones["driver"] + "Temperature"
    async with rig(limits=limits_of(card), private=private, put=near(wanted, card)) as car:
        done = await applied(car, wanted)
        assert done["seat.leg_mm"].kind in {OutcomeKind.CLAMPED, OutcomeKind.PARTIAL}
        assert car.unit.turn(air, 24.0)
        edit = await _edit(car)
        assert edit.changed == {air: 24.0}
        learned = learn(edit.before, edit.after, values, {}, card, cards)
    assert set(learned) == {"climate.driver"}
    assert learned["climate.driver"].values["climate.driver.temperature_c"] == 24.0


async def _edit(car: Rig) -> CabinEdit:
    """The next edit; time goes in jumps meanwhile."""

    async def jump() -> None:
        for _ in range(6):
            enough = car.broker.counters.published + 30
            await until(lambda: car.broker.counters.published > enough)  # noqa: B023 - it is over before the next
            car.clock.ahead_s += 4.0

    edits = car.cabin.edits()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(jump())
        found = await anext(edits)
        task.cancel()
    return found
