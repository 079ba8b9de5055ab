"""Proves that a drive without gRPC is a source as any other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.contracts.source import SourceContract
from simulators.databroker import Catalogue, Leaf
from simulators.source import DriveSource

PEDAL = "Vehicle.Pedal"


class World:
    """A vehicle with one signal; a cut is the source's own end."""

    number = PEDAL

    def __init__(self) -> None:
        self.source = DriveSource(Catalogue.of([Leaf(PEDAL, "uint8", low=0, high=100)]))

    async def show(self, number: int) -> None:
        """Publishes it."""
        assert self.source.publish([(PEDAL, number, 1_800_000_000_000_000)]) == []

    async def cut(self) -> None:
        """The vehicle's memory goes on, who reads it is sent away."""
        await self.source.aclose()

    async def mend(self) -> None:
        """Nothing was broken."""


class TestDriveSource(SourceContract):
    """The contract of sources."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """A new vehicle."""
        yield World()


async def test_a_slow_reader_is_told_of() -> None:
    """Beyond a thousand messages the oldest go, and are counted."""
    world = World()
    stream = world.source.readings([PEDAL])
    await anext(stream)
    for number in range(1_101):
        await world.show(number % 100)
    assert world.source.dropped == 100
    assert [reading.value for reading in await anext(stream)] == [0]
    await stream.aclose()
    assert world.source.dropped == 100
