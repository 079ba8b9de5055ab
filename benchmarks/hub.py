"""What a whole hub agent costs: the verb of deployment beside the stand-in for BlueZ; must never count what got lost.

Adverts go over a real D-Bus to the real bleak, frames over a real broker to whoever counts. Each advert of a known tag
has to be in a frame. Some tags send once, at a moment that is noted: so late comes what was heard.
"""

import asyncio
import os
import random
import tempfile
import time
from pathlib import Path

from forecourt.v1 import showroom_pb2

from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples
from benchmarks.process import command, gone, party, tell
from gateway.identity.pki import make_dev_pki
from gateway.link import Connection, Message
from showroom_agent.hub.frames import FRAME_S
from simulators.bluez import BlueZ, PrivateBus
from simulators.bluez.bus import VARIABLE
from simulators.bluez.serve import UUID, report
from tests.kit.broker import mosquitto
from tests.kit.links import connected

TAGS, PROBES, SECONDS, WARM_S = 100, 60, 10.0, 3.0
RATES = (1_000, 4_000)
CPU_MAX, LATE_MS_MAX = 0.10, 50.0
HUB = "hub-1"


async def air(rate: int) -> None:
    """Tags at a rate for a while, beside probes that send once; tells when each probe did, and what was sent."""
    rng, loop = random.Random(rate), asyncio.get_running_loop()
    async with PrivateBus() as bus, BlueZ(bus.address) as bluez:
        tell(address=bus.address)
        await bluez.adapters["hci0"].discovered.wait()
        probes, sent_s = sorted(rng.uniform(WARM_S, SECONDS + WARM_S) for _ in range(PROBES)), dict[str, float]()
        begun_s, sent = loop.time(), 0
        while (past_s := loop.time() - begun_s) < SECONDS + WARM_S:
            while sent < past_s * rate:
                sent += 1
                await bluez.hear("hci0", report(1 + sent % TAGS, -60 - sent % 30))
            while probes and probes[0] <= past_s:
                number = TAGS + PROBES - len(probes) + 1
                probes.pop(0)
                sent_s[f"t{number}"] = time.clock_gettime(time.CLOCK_BOOTTIME)
                await bluez.hear("hci0", report(number, -60))
            await asyncio.sleep(0.001)
        tell(sent=sent, sent_s=sent_s)
        await gone()


class Site:
    """Counts adverts by tag, and when each tag came first."""

    def __init__(self) -> None:
        self.count: dict[str, int] = {}
        self.came_s: dict[str, float] = {}
        self.first = asyncio.Event()

    def __call__(self, connection: Connection, message: Message) -> None:
        """A frame."""
        now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        connection.ack(message)
        for tag in showroom_pb2.SightingFrame.FromString(message.payload).tags:
            self.count[tag.tag] = self.count.get(tag.tag, 0) + tag.count
            self.came_s.setdefault(tag.tag, now_s)
            self.first.set()


def settings(folder: Path, broker: str) -> Path:
    """The hub's files; its settings."""
    make_dev_pki(folder / "pki", [HUB])
    tags = [f'[[tag]]\nid = "t{n}"\nbeacon = "ibeacon:{UUID.hex()}:1:{n}"\n' for n in range(1, TAGS + PROBES + 1)]
    (folder / "tags.toml").write_text("".join(tags))
    (folder / "hub.toml").write_text(
        f'role = "hub"\n[device]\nid = "{HUB}"\nidentity = "pki/devices/{HUB}"\n'
        f'[hub]\ntags = "tags.toml"\nfolder = "state"\n[link]\nbroker = "{broker}"\n'
    )
    return folder / "hub.toml"


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def at(rate: int) -> dict[str, float]:
    """A hub under adverts at a rate."""
    site = Site()
    with tempfile.TemporaryDirectory(prefix="bench-hub-") as name:
        async with (
            mosquitto() as broker,
            connected(broker.endpoint(), "site", on_message=site) as listening,
            party("benchmarks.hub:air", rate=rate) as sky,
        ):
            await listening.subscribe(f"forecourt/v1/{HUB}/up/s")
            config = await asyncio.to_thread(settings, Path(name), broker.url)
            address = await sky.told("address")
            words = [f"{VARIABLE}={address}", ".venv/bin/forecourt", "hub", "run", "--config", str(config)]
            async with command("hub", "env", *words) as hub:
                await asyncio.wait_for(site.first.wait(), 30)
                await asyncio.sleep(WARM_S / 2)
                begun_s, spent_s = time.monotonic(), cpu_s(hub.pid)
                await asyncio.sleep(SECONDS)
                share = (cpu_s(hub.pid) - spent_s) / (time.monotonic() - begun_s)
                sent_s = await sky.told("sent_s")
                await asyncio.sleep(3 * FRAME_S)
            await sky.go()
    missing = set(sent_s) - set(site.came_s)
    late = sorted(1_000 * (site.came_s[tag] - sent_s[tag]) for tag in set(sent_s) - missing)
    heard = sum(site.count.get(f"t{n}", 0) for n in range(1, TAGS + 1))
    if not late:
        raise NotWholeError("no probe came through")
    return {"cpu": share, "heard": heard, "late_p99": late[int(len(late) * 0.99)], "missing": len(missing)}


async def measure(_: Run) -> dict[str, float]:
    """Both rates, one after the other."""
    return {f"{what} {rate}": value for rate in RATES for what, value in (await at(rate)).items()}


def rows(samples: Samples) -> list[Row]:
    """Against the goals."""
    found = []
    for rate in RATES:
        share, late = samples.mid(f"cpu {rate}"), samples.mid(f"late_p99 {rate}")
        expected = rate * (SECONDS + WARM_S)
        lost = max(0.0, 1 - samples.mid(f"heard {rate}") / expected)
        goal = f"<= {CPU_MAX:.0%} of a core" if rate == RATES[0] else ""
        good = share <= CPU_MAX if goal else None
        found.append(
            Row(f"hub at {rate:,} adverts/s of {TAGS} tags: processor", f"{share:.1%} of a core", goal, ok=good)
        )
        whole = lost < 0.001 and not samples.mid(f"missing {rate}")
        found.append(Row(f"hub at {rate:,} adverts/s: lost between radio and frame", f"{lost:.2%}", "0", ok=whole))
        bound_ms = LATE_MS_MAX + 1_000 * FRAME_S
        told = f"p99 {late:.0f} ms"
        found.append(
            Row(f"hub at {rate:,} adverts/s: advert to frame", told, f"<= {bound_ms:.0f} ms", ok=late <= bound_ms)
        )
    return found


ENTRY = Entry("hub", "load of a beacon hub: processor, losses, delay", "none", measure, rows, disk=False)
