"""The made-up radio: like recorded buildings within stated tolerances, the same for a seed, the same both ways."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.world import BUILDINGS, TOLERANCES, Building, beside
from showroom_agent.plan import read_site
from simulators.world import Air, AirSettings, PhoneEars, Place, SimHubs
from simulators.world.buildings import FLAT, OFFICE
from simulators.world.ears import ibeacon_data
from simulators.world.field import Shadow
from tests.kit.floors import document, floor, hub

KEY = "ibeacon:6f7265636f75727400000000000000aa:1:{}"


def wrong(building: Building, folder: Path) -> dict[str, tuple[float, float]]:
    """Statistics that are further from the recording's than their tolerance."""
    found = beside(building, folder)
    return {name: pair for name, pair in found.items() if not abs(pair[0] - pair[1]) <= TOLERANCES[name]}


@pytest.mark.shared_data
@pytest.mark.timeout(60)
@pytest.mark.parametrize("building", BUILDINGS, ids=lambda one: one.name)
def test_it_sounds_like_a_recorded_building(shared_data: Path, building: Building) -> None:
    """Path loss, offsets, shadow and how far it reaches, spread of still and walking tags, echo, what is missed."""
    assert wrong(building, shared_data / "ble" / building.name) == {}


@pytest.mark.shared_data
@pytest.mark.timeout(60)
def test_a_radio_of_another_kind_is_found_out(shared_data: Path) -> None:
    """Without fading, with a shadow as wide as the hall, with a loss of a third: the tolerances say so."""
    office = BUILDINGS[0]
    other = replace(office, settings=replace(office.settings, direct=100.0, shadow_m=15.0, loss=0.35))
    found = wrong(other, shared_data / "ble" / office.name)
    assert {"spread of a still tag, median, dB", "error again after 0.5 s", "adverts missed"} <= found.keys()


def test_a_showroom_lies_between_the_recorded_buildings() -> None:
    """No number of the defaults is beyond both; a receiver's noise and fading are the same everywhere."""
    for one in fields(AirSettings):
        least, most = sorted((getattr(OFFICE, one.name), getattr(FLAT, one.name)))
        slack = 0.5 if one.name == "receiver_db" else 0.05 if one.name == "interval_s" else 0.0
        assert least - slack <= getattr(AirSettings(), one.name) <= most + slack, one.name


def test_a_seed_makes_the_same_air_again() -> None:
    """Levels of two hundred adverts; another seed makes others."""
    heard = [Air(floor(), seed).levels(0, Place(3.0, 4.0), 200) for seed in (5, 5, 6)]
    assert heard[0] == heard[1] != heard[2]


def test_shadow_is_alike_nearby_and_no_further() -> None:
    """Correlation falls to 1/e over its length, over many radios; its standard deviation is 1."""
    shadow = Shadow(np.random.default_rng(1), 4_000, 2.0)
    here, there, far = (np.array([shadow.at(radio, x, 1.0) for radio in range(4_000)]) for x in (1.0, 3.0, 9.0))
    assert here.std() == pytest.approx(1.0, abs=0.05)
    assert float((here * there).mean()) == pytest.approx(np.exp(-1), abs=0.06)
    assert float((here * far).mean()) == pytest.approx(np.exp(-4), abs=0.06)


def test_a_body_shields_what_is_behind_it() -> None:
    """A hub in front is as loud as without a carrier, one behind by `body_db` fainter."""
    air = Air(read_site(document(hub("front", 9, 4), hub("back", 1, 4))))
    front, back = air.hubs.index(air.hubs[-2]), len(air.hubs) - 1
    free, carried = Place(5.0, 4.0), Place(5.0, 4.0, heading=0.0)
    assert air.mean(front, carried) == pytest.approx(air.mean(front, free))
    assert air.mean(back, carried) == pytest.approx(air.mean(back, free) - air.settings.body_db)


def test_receivers_hear_nothing_for_a_while_now_and_then() -> None:
    """In the share of the time that is set, for so long on the mean."""
    air = Air(floor(), 3, AirSettings(spell_s=4.0, spell_share=0.1))
    listens = np.array([air.listen(0.5) for _ in range(20_000)])
    assert 1 - listens.mean() == pytest.approx(0.1, abs=0.02)
    begins = (listens[:-1] & ~listens[1:]).sum()
    assert (~listens).sum() * 0.5 / begins == pytest.approx(4.0, abs=0.6)


def test_a_phone_hears_a_beacon_as_its_hub_would_hear_it() -> None:
    """The path is the same both ways, but for the phone's gain; hubs without a beacon send nothing."""
    plan = document(hub("sends", 4, 4))
    plan["features"][-1]["properties"]["beacon"] = KEY.format(7)
    air, place = Air(read_site(plan), 2, AirSettings(direct=1e6, noise_db=0.0, loss=0.0)), Place(5.0, 5.0)
    (key, heard), *others = PhoneEars(air, gain_db=-10.0).hear(place, 2.0).items()
    assert others == []
    assert key == KEY.format(7)
    assert heard == pytest.approx([air.mean(len(air.hubs) - 1, place) - 10] * 8, abs=1.1)
    assert len(ibeacon_data(key)) == 23


def test_hubs_that_only_send_tell_nothing() -> None:
    """Frames come of those that listen."""
    plan = document(hub("beacon", 4, 4))
    plan["features"][-1]["properties"] |= {"beacon": KEY.format(1), "listens": False}
    air = Air(read_site(plan))
    frames = list(SimHubs(air, 7).frames(10.0, 0, {"t": Place(5.0, 5.0)}))
    assert [frame.hub for frame in frames] == [one.id for one in air.hubs[:-1]]
