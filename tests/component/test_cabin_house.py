"""Proves that a cabin belongs to the visit on its device: wiped with it, tidied after a cut, seen by health."""

import asyncio
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.config import load
from gateway.errors import ConfigError, LinkError
from gateway.guest import SessionState
from tests.kit.cabins import ADDRESS, GUEST, TEMPERATURE, Rig, cabin_of, fit, rig
from tests.kit.consent_loop import loop
from vehicle_agent.cabin import Cabin, CabinHouse, Seated, open_cabin
from vehicle_agent.settings import VehicleAgentSettings

GOOD = '[device]\nid = "car-1"\nidentity = "pki"\n[store]\nfolder = "store"\n[link]\nbroker = "mqtt://127.0.0.1:1883"\n'


@pytest.mark.needs_mosquitto
@pytest.mark.timed
async def test_the_end_of_a_visit_wipes_the_cabin(tmp_path: Path) -> None:
    """With the real desk: the profile's words are gone from the car, and a wipe that cannot reach them is not done."""
    begun = rig(begin=False, memory=tmp_path / "cabin.json", put={TEMPERATURE: 20.0})
    async with begun as car, loop(tmp_path) as one, one.car(subject=0) as device:
        desk = device.agent.desk
        assert desk is not None
        house = CabinHouse(car.cabin, desk)
        house.observe(device.agent.health)
        guest = Seated((await desk.open()).subject)
        await car.cabin.begin(guest)
        await car.cabin.apply(fit({ADDRESS: "canary", TEMPERATURE: 25.0}), "plan", guest)
        assert device.agent.health.ready["cabin"]() == ""
        provider, car.broker.tree.by_path[ADDRESS].provider = car.broker.tree.by_path[ADDRESS].provider, None
        with pytest.raises(LinkError):
            await desk.end()
        view = desk.session()
        assert view is not None
        assert view.state is SessionState.ENDING
        car.broker.tree.by_path[ADDRESS].provider = provider
        report = await desk.end()
        assert report.clean
        assert (car.shown(ADDRESS), car.shown(TEMPERATURE)) == ("", 20.0)


@pytest.mark.timed
async def test_what_a_cut_wipe_left_goes_at_the_next_start(tmp_path: Path) -> None:
    """The desk finished its wipe before the cabin was there: the cabin finishes its own once it can."""
    memory = tmp_path / "cabin.json"
    async with rig(memory=memory, put={TEMPERATURE: 20.0}) as car:
        await car.cabin.apply(fit({ADDRESS: "canary", TEMPERATURE: 25.0}), "plan", GUEST)
        await restarted(car, memory)
        assert (car.shown(ADDRESS), car.shown(TEMPERATURE)) == ("", 20.0)


async def restarted(car: Rig, memory: Path) -> None:
    """Another process, where no visit is open."""
    async with cabin_of(car.broker, car.clock, memory=memory) as cabin:
        await CabinHouse(cabin, None).tidy()


def test_settings_name_the_card(tmp_path: Path) -> None:
    """None: no cabin. A name or a file: that car. Both, or what nobody knows: a mistake that says what would do."""
    path = tmp_path / "car.toml"

    def cabin(words: str) -> Cabin | None:
        path.write_text(f"{GOOD}[cabin]\n{words}\n")
        settings = load(VehicleAgentSettings, path, environ={})
        settings.check_files()
        return asyncio.run(open_cabin(settings, ManualClock()))

    assert cabin("") is None
    assert cabin('card = "city"') is not None
    with pytest.raises(ConfigError, match="saloon, suv, city"):
        cabin('card = "bus"')
    with pytest.raises(ConfigError, match="second card"):
        cabin('card = "city"\ncard_file = "mine.toml"')
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        cabin('card_file = "mine.toml"')
