"""The real bleak on a real D-Bus beside the stand-in for BlueZ: nothing lost, and every fault overcome and named."""

import asyncio
import csv
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from dbus_fast import Variant

from showroom_agent.hub import scanner
from showroom_agent.hub.bus import BluezWatch
from showroom_agent.hub.scanner import Scanner
from showroom_agent.hub.supervisor import Health, Supervisor
from showroom_agent.radio import Advert
from simulators.bluez import BlueZ, PrivateBus, Report

pytestmark = pytest.mark.needs_dbus
BEACON = {0x4C: b"\x02\x15" + bytes(16) + b"\0\1\0\1\xc5"}
ADDRESS = "C0:00:00:00:00:01"
LAST, END = Report("C0:00:00:00:00:FF", -50, BEACON), b"\xc0\0\0\0\0\xff"
"""An end mark: an advert of another device, that comes after all others."""
RECOVERY_S = 10.0


class Heard:
    """Levels by hub, and a wait for a number of them."""

    def __init__(self) -> None:
        self.levels: defaultdict[str, list[int | None]] = defaultdict(list)
        self.count, self.ends, self._changed = 0, 0, asyncio.Event()

    def of(self, hub: str) -> Callable[[Advert], None]:
        """What a scanner is given."""

        def hear(advert: Advert) -> None:
            if advert.address == END:
                self.ends += 1
            else:
                self.levels[hub].append(advert.rssi)
                self.count += 1
            self._changed.set()

        return hear

    async def until(self, count: int, ends: int = 0) -> None:
        """Returns when so many have come, and so many end marks."""
        while self.count < count or self.ends < ends:
            self._changed.clear()
            await self._changed.wait()


def track(folder: Path, name: str) -> list[tuple[str, int]]:
    """The reports of a recorded track in order: hub and level."""
    with (folder / "ble" / "danis-tetam" / "tracks" / f"{name}.sightings.csv").open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: float(row["t_s"]))
    return [(row["hub"], round(float(row["rssi_dbm"]))) for row in rows]


def names(folder: Path) -> list[str]:
    """The recorded tracks."""
    found = sorted((folder / "ble" / "danis-tetam" / "tracks").glob("*.sightings.csv"))
    return [path.name.removesuffix(".sightings.csv") for path in found]


async def through(reports: list[tuple[str, int]]) -> Heard:
    """Plays reports through an adapter for each hub, and an end mark through each."""
    hubs = sorted({hub for hub, _ in reports})
    adapters = {hub: f"hci{number}" for number, hub in enumerate(hubs)}
    heard = Heard()
    async with PrivateBus() as bus, BlueZ(bus.address, adapters.values()) as bluez:
        scanners = [Scanner(adapter, heard.of(hub)) for hub, adapter in adapters.items()]
        for one in scanners:
            await one.start()
        for hub, rssi in reports:
            await bluez.hear(adapters[hub], Report(ADDRESS, rssi, BEACON))
        for adapter in adapters.values():
            await bluez.hear(adapter, LAST)
        await heard.until(0, len(adapters))
        for one in scanners:
            await one.stop()
    return heard


@pytest.mark.shared_data
@pytest.mark.timed
@pytest.mark.timeout(120)
async def test_every_report_of_every_track_comes_through(shared_data: Path) -> None:
    """Nine recorded tracks, twelve adapters, one process: the same levels in the same order for each hub."""
    total = 0
    reports = [one for name in await asyncio.to_thread(names, shared_data) for one in track(shared_data, name)]
    heard = await through(reports)
    for hub in {hub for hub, _ in reports}:
        assert heard.levels[hub] == [rssi for name, rssi in reports if name == hub]
        total += len(heard.levels[hub])
    assert total == len(reports) > 9_000
    assert len(heard.levels) == 12


@pytest.mark.shared_data
@pytest.mark.timed
@pytest.mark.parametrize("filters", [{}, {"DuplicateData": True}, {"RSSI": -127}], ids=["none", "duplicates", "levels"])
async def test_other_settings_lose_levels(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, filters: dict[str, object]
) -> None:
    """What this file proves is due to the filter by level: without it most levels are not told, or are old ones."""
    monkeypatch.setattr(scanner, "FILTERS", filters)
    reports = track(shared_data, (await asyncio.to_thread(names, shared_data))[0])
    heard = await through(reports)
    same = all(
        heard.levels[hub] == [rssi for name, rssi in reports if name == hub] for hub in {hub for hub, _ in reports}
    )
    told = sum(len(levels) for levels in heard.levels.values())
    assert same is ("RSSI" in filters)
    assert (told < 0.5 * len(reports)) is (not filters)


class Stage:
    """A supervisor, the stand-in, and adverts ten times a second."""

    def __init__(self, bus: PrivateBus, bluez: BlueZ) -> None:
        self.bus, self.bluez, self.heard = bus, bluez, Heard()
        self.told: list[Health] = []
        self.supervisor = Supervisor("hci0", self.heard.of("hci0"), self.told.append)

    async def flow(self) -> float:
        """Seconds until three more adverts are heard."""
        began = time.monotonic()
        async with asyncio.timeout(RECOVERY_S + 5):
            await self.heard.until(self.heard.count + 3)
        return time.monotonic() - began

    async def air(self) -> None:
        """The tag sends for ever."""
        number = 0
        while True:
            number += 1
            await self.bluez.hear("hci0", Report(ADDRESS, -60 - number % 20, BEACON))
            await asyncio.sleep(0.1)  # the tag's interval


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """All running."""
    async with PrivateBus() as bus, BlueZ(bus.address, ["hci0", "hci1"]) as bluez, asyncio.TaskGroup() as group:
        found = Stage(bus, bluez)
        tasks = [group.create_task(found.supervisor.run()), group.create_task(found.air())]
        await found.flow()
        yield found
        for task in tasks:
            task.cancel()


async def power(on: Stage) -> None:
    """The adapter is turned off and on."""
    on.bluez.power("hci0", False)
    await asyncio.sleep(0.2)
    on.bluez.power("hci0", True)


async def restart(on: Stage) -> None:
    """The daemon is started anew."""
    await on.bluez.stop()
    await asyncio.sleep(0.5)
    await on.bluez.start()


async def replug(on: Stage) -> None:
    """The adapter is pulled out and put in."""
    on.bluez.unplug("hci0")
    await asyncio.sleep(0.5)
    on.bluez.plug("hci0")


async def bus_restart(on: Stage) -> None:
    """The message bus is started anew, and with it the daemon."""
    await on.bus.stop()
    await on.bluez.stop()
    await on.bus.start()
    await on.bluez.start()


async def busy(on: Stage) -> None:
    """Another program holds the adapter for three tries after a stop."""
    on.bluez.busy("hci0", 3)
    on.bluez.deafen("hci0")


async def silence(on: Stage) -> None:
    """The controller reports nothing more, and nobody says so."""
    on.bluez.deafen("hci0")


async def death(on: Stage) -> None:
    """The same until it is turned off and on."""
    on.bluez.deafen("hci0", dead=True)


@pytest.mark.timed
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (power, "adapter_off"),
        (restart, "bluetoothd_gone"),
        (replug, "adapter_gone"),
        (bus_restart, "dbus_gone"),
        (busy, "silent"),
        (silence, "silent"),
        (death, "silent"),
    ],
)
async def test_reports_flow_again_within_ten_seconds(fault: Callable[[Stage], Awaitable[None]], cause: str) -> None:
    """No new process, one event with the cause, one for its end."""
    async with stage() as on:
        assert on.told == []
        await fault(on)
        assert await on.flow() <= RECOVERY_S
        assert [(health.cause, health.recovered) for health in on.told] in (
            [(cause, False), (cause, True)],
            [(cause, False)],  # heard again before the scan that was begun anew is noted
        )
        await on.flow()
        assert [(health.cause, health.recovered) for health in on.told] == [(cause, False), (cause, True)]
        assert 0 <= on.told[1].down_s <= RECOVERY_S


@pytest.mark.timed
@pytest.mark.timeout(60)
async def test_another_program_holds_the_adapter_from_the_start() -> None:
    """InProgress is tried again and named."""
    async with PrivateBus() as bus, BlueZ(bus.address, ["hci0"]) as bluez, asyncio.TaskGroup() as group:
        bluez.busy("hci0", 2)
        on = Stage(bus, bluez)
        tasks = [group.create_task(on.supervisor.run()), group.create_task(on.air())]
        assert await on.flow() <= RECOVERY_S
        assert [(health.cause, health.recovered) for health in on.told] == [
            ("in_progress", False),
            ("in_progress", True),
        ]
        for task in tasks:
            task.cancel()


@pytest.mark.timed
async def test_a_companion_monitor_makes_a_controller_report_duplicates() -> None:
    """With it each advert comes; without it one in ten seconds of a tag that always says the same."""
    for monitors in (True, False):
        async with PrivateBus() as bus, BlueZ(bus.address, monitors=monitors, drops_duplicates=True) as bluez:
            heard = Heard()
            async with BluezWatch("hci0") as watch:
                assert await watch.monitor() is monitors
                one = Scanner("hci0", heard.of("hci0"))
                await one.start()
                if monitors:
                    await bluez.adapters["hci0"].activated.wait()
                for number in range(30):
                    await bluez.hear("hci0", Report(ADDRESS, -60 - number, BEACON))
                await bluez.hear("hci0", LAST)
                await heard.until(0, 1)
                await one.stop()
            assert heard.count == (30 if monitors else 1)


@pytest.mark.timed
async def test_what_bluez_kept_from_earlier_is_no_sighting() -> None:
    """A device in its cache, of which a name or data comes, is not heard now."""
    async with PrivateBus() as bus, BlueZ(bus.address) as bluez:
        rules = bluez.adapters["hci0"].rules
        rules.discovering["another"] = {}
        await bluez.hear("hci0", Report(ADDRESS, -60, BEACON))
        heard = Heard()
        async with BluezWatch("hci0") as watch:
            cached = await watch.look()
            assert list(cached.values()) == [-60]
            one = Scanner("hci0", heard.of("hci0"), cached)
            await one.start()
            path = next(iter(cached))
            bluez._changed(path, "org.bluez.Device1", {"Trusted": Variant("b", True)})
            await heard.until(1)
            await bluez.hear("hci0", Report(ADDRESS, -63, BEACON))
            await heard.until(2)
            bluez._changed(path, "org.bluez.Device1", {"Trusted": Variant("b", False)})
            await heard.until(3)
            await one.stop()
        assert heard.levels["hci0"] == [None, -63, None]
        assert one.stale == 2
