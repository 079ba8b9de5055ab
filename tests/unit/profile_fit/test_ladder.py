"""How sure a translation is, by the ladder: the same revision, another one, the class, nothing.

Must never let a model move by itself for a revision that nobody here knows.
"""

import re
from dataclasses import replace

import pytest

from gateway.profile.fit import Card, Confidence, Setting, card_from_toml, fit, load_card, middle_readings
from tests.unit.profile_fit.test_translation import MIRROR, SEAT, applied, set_in
from tests.unit.profile_fit.texts import SALOON, text_of, without

OLD = load_card("saloon")
RAW: dict[str, Setting] = middle_readings(OLD) | {SEAT + "Position": 100, MIRROR + "DriverSide.Yaw": 20}


def revised(text: str, **numbers: float) -> Card:
    """The next revision of a model, with other numbers in its geometry."""
    text = text.replace("revision = 1", "revision = 2")
    for key, value in numbers.items():
        text, times = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, count=1, flags=re.MULTILINE)
        assert times == 1, key
    return card_from_toml(text)


def bare(text: str) -> str:
    """A model of which ranges are all that is known."""
    for table in ("geometry.passenger_mirror", "geometry.driver_mirror", "geometry.wheel", "geometry"):
        text = without(table)(text)
    return text


def test_the_same_revision_is_exact() -> None:
    """Its own readings, to the bit."""
    document = set_in(OLD, RAW)
    found = fit(document.values, document.origins, OLD)
    assert found.confidence is Confidence.EXACT
    assert applied(found, OLD)[SEAT + "Position"] == 100


@pytest.mark.parametrize("name", ["saloon@1", "an old one"])
def test_another_revision_whose_card_is_here_is_calibrated(name: str) -> None:
    """Rails that begin 30 mm further back: the readings are not replayed, the leg is kept. Names of cards are free."""
    new = revised(SALOON, hip_x_mm=OLD.geometry.hip_x_mm + 30 if OLD.geometry else 0)
    document = set_in(OLD, RAW)
    found = fit(document.values, document.origins, new, {"saloon": new, name: OLD})
    assert found.confidence is Confidence.CALIBRATED
    assert applied(found, new)[SEAT + "Position"] == pytest.approx(70, abs=1)
    back = set_in(new, applied(found, new))
    assert applied(fit(back.values, back.origins, OLD, {"a": new, "b": OLD}), OLD)[SEAT + "Position"] == pytest.approx(
        100, abs=1
    )


def test_another_revision_whose_card_is_not_here_is_of_the_class() -> None:
    """The body is taken, seat and mirrors wait for a tap; heating and air need none."""
    new = revised(SALOON)
    document = set_in(OLD, RAW)
    for cards in ({}, {"saloon": new}):
        found = fit(document.values, document.origins, new, cards)
        assert found.confidence is Confidence.CLASS
        moving = [one for one in found.targets if one.path.startswith((SEAT, MIRROR, "Vehicle.Chassis"))]
        assert {one.confidence for one in moving if "Heating" not in one.path} == {Confidence.CLASS}
        assert applied(found, new)[SEAT + "Position"] == pytest.approx(100, abs=1)


def test_a_model_by_its_ranges_takes_shares_of_another_revision() -> None:
    """Without geometry and without the older card the older readings are shares of the same ranges; of another model,
    nothing.
    """
    new = card_from_toml(bare(SALOON).replace("revision = 1", "revision = 2"))
    document = set_in(OLD, RAW)
    found = fit(document.values, document.origins, new)
    assert found.confidence is Confidence.CLASS
    assert next(one.value for one in found.targets if one.field == "seat.leg_mm") == 100
    known = fit(document.values, document.origins, new, {"saloon@1": replace(OLD, revision=1)})
    assert next(one.value for one in known.targets if one.field == "seat.leg_mm") == 100
    city = card_from_toml(bare(text_of("city")))
    assert fit(document.values, document.origins, city, {"saloon": OLD}).confidence is Confidence.NONE
    assert fit(document.values, document.origins, city).confidence is Confidence.NONE


def test_the_ladder_is_in_order() -> None:
    """From the best to none; the worst of what moves decides."""
    assert sorted(Confidence, key=lambda one: one.rank) == [
        Confidence.EXACT, Confidence.CALIBRATED, Confidence.CLASS, Confidence.NONE
    ]  # fmt: skip
