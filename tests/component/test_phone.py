"""A phone without a tag on a floor of beacons: located over a real broker by what it hears; nothing else listens."""

import asyncio
import math
from pathlib import Path

import pytest
from forecourt.v1 import classification_pb2, showroom_pb2

from gateway.clock import SystemClock
from gateway.identity import load_cloud
from gateway.identity.keystore import load
from gateway.identity.pki import make_dev_pki
from gateway.link import Connection, Link
from gateway.runtime import Agent, AgentOptions
from showroom_agent.site.agent import SiteAgent
from showroom_agent.site.parts import SiteParts
from simulators.world import Air, AirSettings, Phone, PhoneEars, Place
from tests.kit.broker import mosquitto
from tests.kit.showroom import beacon_floor
from tests.kit.sites import background

PHONE, HERE, WITHIN_M, REPORT_S = "phone-1", (9.0, 24.0), 2.5, 0.5
PLAIN = AirSettings(shadow_db=0.0, receiver_db=0.0, direct=20.0)
"""An empty hall: this is about the protocol; how well a phone is located is measured elsewhere."""


@pytest.mark.needs_mosquitto
@pytest.mark.timed
@pytest.mark.timeout(60)
async def test_a_phone_is_located_by_the_beacons_that_it_hears(tmp_path: Path) -> None:
    """Hello without a tag, reports twice a second, the view says where he is and that his phone said so."""
    parts = await asyncio.to_thread(SiteParts.load, beacon_floor(tmp_path / "site", listen=False))
    pki = await asyncio.to_thread(make_dev_pki, tmp_path / "floor", ["site-1", PHONE])
    own = await asyncio.to_thread(load_cloud, pki.cloud)
    keys = await asyncio.to_thread(load, pki.device(PHONE))
    phone, ears = Phone(PHONE, keys.key, own.key.public_key()), PhoneEars(Air(parts.floor.site, 2, PLAIN), gain_db=-6.0)
    found = asyncio.Event()

    def shown(view: showroom_pb2.GuestView) -> None:
        if view.located and math.dist((view.x_m, view.y_m), HERE) <= WITHIN_M and view.zone == "electric":
            found.set()

    phone.on_view.append(shown)
    async with mosquitto() as broker:
        link = Link(broker.endpoint(), PHONE, on_message=phone.message)

        async def talk(connection: Connection) -> None:
            await connection.subscribe(phone.views)
            hello = phone.hello("", "", [classification_pb2.PURPOSE_INDOOR_NAVIGATION])
            await connection.publish(phone.topic, hello)
            while True:
                await connection.publish(phone.topic, phone.sightings(ears.hear(Place(*HERE), REPORT_S)), expiry_s=10)
                await asyncio.sleep(REPORT_S)

        identity = await asyncio.to_thread(load, pki.device("site-1"))
        clock = await asyncio.to_thread(SystemClock)
        await asyncio.to_thread((tmp_path / "store").mkdir)
        options = AgentOptions(
            identity=identity, folder=tmp_path / "store", endpoint=broker.endpoint(), clock=clock,
            store_bytes_max=16 << 20,
        )  # fmt: skip
        async with Agent.open(options) as agent:
            site = SiteAgent(agent, parts, own, broker.endpoint(), refresh=False)
            async with background(agent.run(site.run)):
                await site.link.wait_online()
                async with background(link.run(talk)):
                    await asyncio.wait_for(found.wait(), 30)
    assert phone.view.source == "phone"
    assert not [mode for mode in phone.view.modes if mode != "no_survey"]
    assert phone.forged == 0
    assert site.status().deaf == {}
