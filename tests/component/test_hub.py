"""A hub end to end: adverts on a D-Bus, frames and health at a real broker, signed; and its raw log replayed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from forecourt.v1 import showroom_pb2

from gateway.clock import SystemClock
from gateway.config import DeviceSettings, LinkSettings
from gateway.health import Health
from gateway.identity.keystore import load
from gateway.identity.pki import make_dev_pki
from gateway.link import Connection, Message
from gateway.runtime import Reach, reach
from gateway.wire import verify
from showroom_agent.hub import load_watch, replay
from showroom_agent.hub.agent import RAW_LOG, RAW_LOG_BEFORE, HubAgent
from showroom_agent.hub.settings import HubSettings
from simulators.bluez import BlueZ, PrivateBus, Report
from tests.kit.broker import Broker, mosquitto
from tests.kit.links import Inbox, connected

pytestmark = [pytest.mark.needs_dbus, pytest.mark.needs_mosquitto]
UUID = bytes.fromhex("6f7265636f7572740000000000000001")
BEACON = {0x4C: b"\x02\x15" + UUID + b"\0\1\0\3\xc5"}
TAGS = f'[[tag]]\nid = "car-3"\nbeacon = "ibeacon:{UUID.hex()}:1:3"\n'
HUB = "hub-1"


class Frames(Inbox):
    """What a site gets: every message is checked by the hub's key."""

    def __init__(self, found: Reach) -> None:
        super().__init__()
        self._key = found.identity.key.public_key()

    def __call__(self, connection: Connection, message: Message) -> None:
        verify(self._key, message.topic, message.payload)
        super().__call__(connection, message)

    @property
    def frames(self) -> list[showroom_pb2.SightingFrame]:
        """Frames so far."""
        found = [one.payload for one in self.messages if one.topic.endswith("/up/s")]
        return [showroom_pb2.SightingFrame.FromString(payload) for payload in found]

    @property
    def health(self) -> list[showroom_pb2.HubHealth]:
        """Health events so far."""
        found = [one.payload for one in self.messages if one.topic.endswith("/up/h")]
        return [showroom_pb2.HubHealth.FromString(payload) for payload in found]

    async def until(self, what: str) -> None:
        """Returns when a frame or health event is such."""
        tests = {
            "tag": lambda: any(frame.tags for frame in self.frames),
            "down": lambda: any(frame.fault == "adapter_off" for frame in self.frames),
            "again": lambda: any(one.recovered for one in self.health) and bool(self.frames[-1].tags),
        }
        while not tests[what]():
            await self.count(len(self.messages) + 1, 15.0)


@asynccontextmanager
async def hub(folder: Path, broker: Broker, raw_log: bool = False) -> AsyncIterator[tuple[BlueZ, Frames]]:
    """A hub that runs beside a stand-in for BlueZ, and a site that listens."""
    clock = await asyncio.to_thread(SystemClock)
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", [HUB])
    await asyncio.to_thread((folder / "tags.toml").write_text, TAGS)
    settings = HubSettings(tags=folder / "tags.toml", folder=folder / "state", raw_log=raw_log)
    device = DeviceSettings(id=HUB, identity=pki.folder / "devices" / HUB)
    found = await asyncio.to_thread(reach, device, LinkSettings(broker=broker.url), clock, settings.folder)
    inbox = Frames(found)
    async with (
        PrivateBus() as bus,
        BlueZ(bus.address) as bluez,
        Health(None) as page,
        connected(broker.endpoint(), "site", on_message=inbox) as site,
        asyncio.TaskGroup() as group,
    ):
        await site.subscribe(f"forecourt/v1/{HUB}/up/#")
        agent = await asyncio.to_thread(HubAgent, settings, found, clock, page)
        running = group.create_task(agent.run())
        yield bluez, inbox
        running.cancel()


async def air(bluez: BlueZ) -> None:
    """A tag and six strangers, ten times a second."""
    number = 0
    while True:
        number += 1
        await bluez.hear("hci0", Report("C0:00:00:00:00:01", -60 - number % 5, BEACON))
        await bluez.hear("hci0", Report(f"C1:00:00:00:00:{number % 6:02X}", -80, {0x4C: b"\x10\x05abcde"}))
        await asyncio.sleep(0.1)  # the interval of the tag


@pytest.mark.timed
async def test_tags_and_faults_reach_the_site(tmp_path: Path) -> None:
    """Levels of a known tag, strangers as a number, a fault named in frames and once as an event."""
    async with mosquitto() as broker, hub(tmp_path, broker) as (bluez, inbox), asyncio.TaskGroup() as group:
        sending = group.create_task(air(bluez))
        await inbox.until("tag")
        bluez.power("hci0", False)
        await inbox.until("down")
        bluez.power("hci0", True)
        await inbox.until("again")
        sending.cancel()
        heard = [frame for frame in inbox.frames if frame.tags]
        assert {tag.tag for frame in heard for tag in frame.tags} == {"car-3"}
        assert all(-65 <= tag.mean_dbm <= -60 and tag.count <= 10 for frame in heard for tag in frame.tags)
        assert {frame.strangers for frame in heard} <= {0, 5, 6}
        assert [(one.cause, one.recovered) for one in inbox.health if one.cause != "dbus_gone"] == [
            ("adapter_off", False),
            ("adapter_off", True),
        ]
        numbers = [frame.frame for frame in inbox.frames]
        assert numbers == sorted(set(numbers))
        assert all(frame.hub == HUB for frame in inbox.frames)
        down = [frame.mode for frame in inbox.frames if frame.fault]
        assert set(down) == {showroom_pb2.SCANNER_MODE_DOWN}


@pytest.mark.timed
async def test_the_raw_log_replays_to_the_frames_that_were_sent(tmp_path: Path) -> None:
    """Bit for bit, signature apart."""
    async with mosquitto() as broker, hub(tmp_path, broker, raw_log=True) as (bluez, inbox):
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(air(bluez))
            await inbox.until("tag")
            await inbox.count(len(inbox.messages) + 4)
            sending.cancel()
        await inbox.count(len(inbox.messages) + 1)  # a heartbeat: two seconds later all is on disk
        sent = inbox.frames
    path = tmp_path / "state" / RAW_LOG
    text = await asyncio.to_thread(path.read_text)
    assert (path.stat().st_mode & 0o777) == 0o600
    assert not (tmp_path / "state" / RAW_LOG_BEFORE).exists()
    again = list(replay(text.splitlines(), load_watch(tmp_path / "tags.toml")))
    for frame in sent:
        frame.ClearField("signature")
    common = min(len(sent), len(again))
    assert common >= 4
    assert [frame.SerializeToString() for frame in again[:common]] == [
        frame.SerializeToString() for frame in sent[:common]
    ]
    assert "c100000000" not in text


@pytest.mark.timed
async def test_frames_wait_ten_seconds_for_a_broker(tmp_path: Path) -> None:
    """An outage loses frames that are older, and no health event."""
    async with mosquitto() as broker, hub(tmp_path, broker) as (bluez, inbox), asyncio.TaskGroup() as group:
        sending = group.create_task(air(bluez))
        await inbox.until("tag")
        last = inbox.frames[-1].frame
        broker.freeze()
        bluez.power("hci0", False)
        await asyncio.sleep(1.0)  # so long lasts the outage
        bluez.power("hci0", True)
        broker.thaw()
        await inbox.until("again")
        sending.cancel()
        numbers = [frame.frame for frame in inbox.frames]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[-1] > last
        assert [one.number for one in inbox.health] == list(range(1, len(inbox.health) + 1))


def test_identity_of_a_hub_is_any_device_s(tmp_path: Path) -> None:
    """A hub's folder is what `forecourt pki dev` makes."""
    pki = make_dev_pki(tmp_path, [HUB])
    assert load(pki.folder / "devices" / HUB).device == HUB
