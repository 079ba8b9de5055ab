"""Proves that a fleet of real agents reaches a real cloud, and that the books of all balance."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from simulators.fleet_run import FleetOptions, run_fleet


@pytest.mark.needs_mosquitto
async def test_three_vehicles_reach_the_cloud(tmp_path: Path) -> None:
    """Each on its own road, faster than it was driven; nothing lost, nothing twice, nothing left."""
    said: list[str] = []
    options = FleetOptions(vehicles=3, duration_s=1.0, speed=20.0, folder=tmp_path)
    assert await run_fleet(options, said.append, asyncio.Event()), said
    cloud, books, verdict = said[-3:]
    effects = int(cloud.split()[1])
    assert effects > 1_000
    assert cloud.endswith("effects, 0 duplicates, 0 unexplained gaps, 0 lost")
    assert books.startswith(f"books    {effects} appended = {effects} settled + 0 pending")
    assert verdict == "verdict  3 of 3 vehicles ended well"
    assert len(list((tmp_path / "vehicles").iterdir())) == 3


@pytest.mark.needs_mosquitto
async def test_a_fleet_can_be_stopped(tmp_path: Path) -> None:
    """Long before its time, and the books balance all the same."""
    stop, said = asyncio.Event(), list[str]()

    def say(line: str) -> None:
        said.append(line)
        stop.set()

    async with asyncio.timeout(20):
        assert await run_fleet(FleetOptions(vehicles=1, duration_s=600.0, folder=tmp_path), say, stop)


async def test_a_vehicle_without_a_broker_keeps_its_events(tmp_path: Path) -> None:
    """It is said which vehicles still hold events; the verdict is not good, the law holds."""
    said: list[str] = []
    options = FleetOptions(
        vehicles=1, duration_s=0.5, speed=20.0, broker_url="mqtt://127.0.0.1:1", pki=tmp_path / "pki",
        folder=tmp_path, drain_s=0.5,
    )  # fmt: skip
    assert not await run_fleet(options, said.append, asyncio.Event())
    assert "vehicles that still hold events: 0" in said
    assert said[-1] == "verdict  1 of 1 vehicles ended NOT WELL"


async def test_a_fleet_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """Half a cloud, and a URL that is none."""
    with pytest.raises(ConfigError, match="both --broker and --pki"):
        FleetOptions(folder=tmp_path, broker_url="mqtt://127.0.0.1:1883")
    options = FleetOptions(vehicles=1, broker_url="http://x", pki=tmp_path / "pki", folder=tmp_path)
    with pytest.raises(ConfigError, match="mqtt://HOST:PORT"):
        await run_fleet(options, lambda _: None, asyncio.Event())
