"""The vehicle agent beside the simulated databroker: whole drives, a restart in the middle, and real tokens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.contracts.source import SourceContract
from gateway.model import Value
from simulators.databroker import Catalogue, Databroker, TokenCheck, issue
from simulators.drive.car import Reading
from simulators.drive.car import readings as packaged_drive
from simulators.recording import read_recording
from tests.kit.vehicles import Shelf, running, until
from vehicle_agent.kuksa import KuksaSource
from vehicle_agent.plan import PlanFile
from vehicle_agent.settings import DatabrokerSettings
from vehicle_agent.source import SignalInfo

PACKAGED = PlanFile.read(None)
EACH_CHANGE = {event.name for event in PACKAGED.plan.event if event.on_change}
CATALOGUE = Catalogue.packaged()
SPEED = "Vehicle.Speed"
END = "Vehicle.LowVoltageBattery.CurrentVoltage"
"""Shown after each part, so that a test knows when all of it is told."""
CHUNK = 500
AT_US = 1_800_000_000_000_000
Series = dict[str, list[Value]]


def source_of(broker: Databroker, token: Path | None = None) -> KuksaSource:
    """A source of that databroker."""
    return KuksaSource(DatabrokerSettings(address=broker.address, token=token))


def series_of(shelf: Shelf) -> Series:
    """What the events on change tell of each signal, without repetitions."""
    series: Series = {}
    for event in shelf.events:
        if event.kind.name in EACH_CHANGE and isinstance(event.values, tuple):
            for signal, value in zip(event.kind.signals, event.values, strict=True):
                series.setdefault(signal.path, []).append(value)
    return {path: [value for value, _ in groupby(values)] for path, values in series.items()}


class World:
    """For the contract of sources."""

    number = SPEED

    def __init__(self, broker: Databroker) -> None:
        self.broker, self.source = broker, source_of(broker)

    async def show(self, number: int) -> None:
        """The speed is so much."""
        assert self.broker.publish([(SPEED, float(number), AT_US + number)]) == []

    async def cut(self) -> None:
        """The databroker is gone."""
        await self.broker.stop()

    async def mend(self) -> None:
        """It is back, with other ids."""
        await self.broker.start()


class TestContract(SourceContract):
    """The KUKSA source is a source beside the simulated databroker too."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """A databroker with the packaged catalogue."""
        async with Databroker(CATALOGUE) as broker:
            world = World(broker)
            yield world
            await world.source.aclose()


async def test_the_packaged_signals_fit_their_types() -> None:
    """The databroker has every signal of the packaged plan, readable, and no condition is unfit for its types."""
    async with Databroker(CATALOGUE) as broker:
        source = source_of(broker)
        known = await source.describe(PACKAGED.plan.paths)
        await source.aclose()
    assert {path: info for path, info in known.items() if not isinstance(info, SignalInfo)} == {}
    assert PACKAGED.check(known) == []


async def play(drive: list[Reading]) -> tuple[Series, Series, Shelf]:
    """Plays a drive as fast as the agent takes it; what the databroker was given, and what was appended of it."""
    shown: Series = {}
    async with Databroker(CATALOGUE) as broker:
        shelf = Shelf()
        async with running(source_of(broker), shelf, PACKAGED) as agent:
            await broker.wait_subscribed()
            for begin in range(0, len(drive), CHUNK):
                part = drive[begin : begin + CHUNK]
                end = float(begin + 1)
                updates = [(one.path, one.value, AT_US + round(one.at_s * 1_000_000)) for one in part]
                assert broker.publish(updates) == []
                assert broker.publish([(END, end, updates[-1][2])]) == []
                await until(partial(shows, shelf, end))
            assert broker.stats()["dropped_messages"] == 0
            assert set(+Counter(agent.status().counters)) <= {"readings", "held_off", "kept", "trips_began"}
    for path in {one.path for one in drive} - {END}:
        shown[path] = [value for value, _ in groupby(one.value for one in drive if one.path == path)]
    return shown, {path: values for path, values in series_of(shelf).items() if path != END}, shelf


def shows(shelf: Shelf, end: float) -> bool:
    """Whether the mark was told; it comes last."""
    last = shelf.events[-1] if shelf.events else None
    return last is not None and last.kind.name == "low_voltage" and last.values == (end,)


def close(one: Value, two: Value) -> bool:
    """Whether a value came through: numbers within the rounding of VSS types (whole numbers, single precision)."""
    if isinstance(one, str | bool) or isinstance(two, str | bool):
        return one == two
    return abs(one - two) <= max(0.5 if isinstance(two, int) else 0.0, abs(one) * 1e-6)


def squeezed(values: list[Value], like: list[Value]) -> list[Value]:
    """Without neighbours that the type of `like` makes one."""
    rounds = bool(like) and type(like[0]) is int
    return [value for value, _ in groupby(round(v) if rounds and isinstance(v, float) else v for v in values)]


@pytest.mark.shared_data
@pytest.mark.usefixtures("quiet_loop")
@pytest.mark.parametrize("name", ["omaha-15.csv", "rav4-san-francisco.csv", "twizy-rabat-1.csv"])
async def test_real_drives_reach_the_shelf_whole(shared_data: Path, name: str) -> None:
    """Every change of every signal, in order, through gRPC, at many times the speed of the drive."""
    recording = await asyncio.to_thread(read_recording, shared_data / "vehicle" / name)
    shown, kept, _ = await play(recording.readings)
    assert set(kept) == set(shown)
    assert len(kept) >= 8
    for path, values in shown.items():
        wanted = squeezed(values, kept[path])
        assert len(kept[path]) == len(wanted), path
        assert all(map(close, wanted, kept[path])), path


async def test_the_packaged_drive_reaches_the_shelf_whole() -> None:
    """A part of the WLTC drive with more than 30 signals; a trip begins, and braking is told at once."""
    shown, kept, shelf = await play(await asyncio.to_thread(lambda: list(packaged_drive(length_s=40))))
    assert len(kept) >= 30
    for path, values in shown.items():
        wanted = squeezed(values, kept[path])
        assert len(kept[path]) == len(wanted), path
        assert all(map(close, wanted, kept[path])), path
    kinds = {event.kind.name for event in shelf.events}
    assert {"trip", "braking", "motion", "position"} <= kinds


async def test_a_restart_in_mid_drive() -> None:
    """The agent comes back by itself; what it had appended stays, and the drive goes on with new ids."""
    async with Databroker(CATALOGUE) as broker:
        shelf = Shelf()
        async with running(source_of(broker), shelf, PACKAGED) as agent:
            await broker.wait_subscribed()
            for number in range(20):
                assert broker.publish([(SPEED, float(number), AT_US + number)]) == []
            await until(lambda: len(series_of(shelf).get(SPEED, [])) == 20)
            await broker.restart()
            await broker.wait_subscribed()
            for number in range(20, 40):
                assert broker.publish([(SPEED, float(number), AT_US + number)]) == []
            await until(lambda: len(series_of(shelf)[SPEED]) == 40)
            assert agent.status().counters["source_lost"] >= 1
            assert series_of(shelf)[SPEED] == [float(number) for number in range(40)]
            assert agent.status().trip, "the drive goes on over a restart of the databroker"


async def test_scopes_of_a_real_token(tmp_path: Path) -> None:
    """A token for some signals reads these and names the others; no token reads nothing and says so."""
    key = Ed25519PrivateKey.generate()
    tokens = TokenCheck(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    token = tmp_path / "token"
    async with Databroker(CATALOGUE, tokens=tokens) as broker:
        shelf = Shelf()
        async with running(source_of(broker, token), shelf, PACKAGED) as agent:
            await until(lambda: "token cannot be read" in agent.status().trouble)
            token.write_text(issue(Ed25519PrivateKey.generate(), "read"))
            await until(lambda: "the token is missing, expired or refused" in agent.status().trouble)
            token.write_text(issue(key, f"read:{SPEED} read:Vehicle.CurrentLocation"))
            await broker.wait_subscribed()
            broker.publish([(SPEED, 5.0, AT_US)])
            await until(lambda: SPEED in series_of(shelf))
            missing = agent.status().missing
            pedal = "Vehicle.Chassis.Brake.PedalPosition"
            assert missing[pedal] == f"may not be read: the token lacks the scope read:{pedal}"
            assert SPEED not in missing
            assert len(missing) == len(PACKAGED.plan.paths) - 6
