"""What every source of vehicle signals must do, as tests to inherit from; must never know where readings come from.

In an outside package:

    from gateway.contracts.source import SourceContract

    class TestMySource(SourceContract):
        @asynccontextmanager
        async def world(self):
            ...
            yield MyWorld(source)
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Protocol

from gateway.errors import LinkError
from gateway.model import Value, ValueType

if TYPE_CHECKING:
    from vehicle_agent.source import Reading, SignalSource

STEPS = 50
TIMEOUT_S = 20.0
_CLASSES = {ValueType.BOOL: bool, ValueType.INT: int, ValueType.STRING: str}


class World(Protocol):
    """A source beside something that it reads."""

    @property
    def source(self) -> "SignalSource":
        """What is tested."""
        ...

    @property
    def number(self) -> str:
        """Path of a signal that takes whole numbers from 0 to 100, as numbers with or without a fraction."""
        ...

    async def show(self, number: int) -> None:
        """The signal has this value from now on."""
        ...

    async def cut(self) -> None:
        """What the source reads is gone; may do nothing where that cannot be."""
        ...

    async def mend(self) -> None:
        """It is back, perhaps with other numbers for its signals, and shows nothing yet."""
        ...


class SourceContract:
    """Inherit, define `world`, and let pytest collect the tests."""

    def world(self) -> AbstractAsyncContextManager[World]:
        """A new world whose signal shows nothing yet."""
        raise NotImplementedError

    def test_every_path_is_described(self) -> None:
        """`describe` has an answer for each path, and a reason for what it does not know."""

        async def story() -> None:
            async with self.world() as world:
                known = await world.source.describe([world.number, "Vehicle.No.Such.Signal"])
                assert set(known) == {world.number, "Vehicle.No.Such.Signal"}
                info, missing = known[world.number], known["Vehicle.No.Such.Signal"]
                assert hasattr(info, "type")
                assert info.type in {ValueType.INT, ValueType.FLOAT, ValueType.DOUBLE}
                assert not hasattr(missing, "type")
                assert missing.why
                await world.source.aclose()

        _run(story())

    def test_the_present_comes_first_and_nothing_is_skipped(self) -> None:
        """The value at the beginning, then every later one in order, each of the described type, dated or not."""

        async def story() -> None:
            async with self.world() as world:
                await world.show(0)
                known = await world.source.describe([world.number])
                info = known[world.number]
                assert hasattr(info, "type")
                wanted = _CLASSES.get(info.type, float)
                seen: list[Value] = []
                async with aclosing(world.source.readings([world.number])) as stream:
                    async for readings in stream:
                        seen += _values(readings, wanted)
                        if len(seen) == 1:
                            for number in range(1, STEPS):
                                await world.show(number)
                        if len(seen) >= STEPS:
                            break
                assert seen == list(range(STEPS))
                await world.source.aclose()

        _run(story())

    def test_a_cut_ends_the_readings_and_describe_begins_anew(self) -> None:
        """What is gone ends the iteration, at most with a LinkError; afterwards the same source goes on."""

        async def story() -> None:
            async with self.world() as world:
                await world.show(1)
                for turn in range(2):
                    await _described(world)
                    async with aclosing(world.source.readings([world.number])) as stream:
                        first = await anext(stream)
                        assert [reading[2] for reading in first] == [1]
                        if turn:
                            break
                        await world.cut()
                        with contextlib.suppress(LinkError):
                            async for _ in stream:
                                pass
                    await world.mend()
                    await world.show(1)
                await world.source.aclose()

        _run(story())

    def test_it_can_be_closed(self) -> None:
        """`aclose` may come at any time and twice; afterwards nothing waits any more."""

        async def story() -> None:
            async with self.world() as world:
                await world.source.aclose()
                await world.source.describe([world.number])
                await world.source.aclose()
                await world.source.aclose()

        _run(story())


async def _described(world: World) -> None:
    """Asks until the source can be reached again."""
    while True:
        try:
            known = await world.source.describe([world.number])
        except LinkError:
            await asyncio.sleep(0.05)
            continue
        assert hasattr(known[world.number], "type")
        return


def _values(readings: "Sequence[Reading]", wanted: type) -> list[Value]:
    found = []
    for signal, ts_us, value in readings:
        assert signal == 0
        assert ts_us is None or (type(ts_us) is int and ts_us > 0)
        assert type(value) in {wanted, int}
        found.append(value)
    return found  # type: ignore[return-value]


def _run(story: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(story, TIMEOUT_S))
