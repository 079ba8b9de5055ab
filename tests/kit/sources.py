"""A source of signals that a test plays by hand; must never decide what a test is about."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from gateway.errors import LinkError
from gateway.model import Value, ValueType
from vehicle_agent.source import Missing, Reading, SignalInfo

WALL_US = 1_800_000_000_000_000


class HandSource:
    """Gives what `show` is told, and ends with the errors that `fail` is told."""

    def __init__(self, **infos: SignalInfo | Missing) -> None:
        """Signals by the last part of their path; all others are missing."""
        self.infos: dict[str, SignalInfo | Missing] = {f"Vehicle.{name}": info for name, info in infos.items()}
        self.asked: list[Sequence[str]] = []
        self.sessions = 0
        self.taken = 0
        self._queue: asyncio.Queue[list[tuple[str, int | None, Value | None]] | Exception | None] = asyncio.Queue()
        self.down: Exception | None = None

    def show(self, ts_us: int | None = WALL_US, /, **values: Value | None) -> None:
        """One message with these values."""
        self._queue.put_nowait([(f"Vehicle.{name}", ts_us, value) for name, value in values.items()])

    def fail(self, error: Exception | None = None) -> None:
        """The readings end, with an error or without."""
        self._queue.put_nowait(error)

    async def describe(self, paths: Sequence[str]) -> Mapping[str, SignalInfo | Missing]:
        """What the constructor was told."""
        self.asked.append(paths)
        if self.down is not None:
            raise self.down
        return {path: self.infos.get(path, Missing("is not known here")) for path in paths}

    async def readings(self, paths: Sequence[str]) -> AsyncGenerator[Sequence[Reading], None]:
        """What `show` puts there."""
        self.sessions += 1
        while (message := await self._queue.get()) is not None:
            if isinstance(message, Exception):
                raise message
            self.taken += 1
            yield [Reading(paths.index(path), ts_us, value) for path, ts_us, value in message if path in paths]
        raise LinkError("the hand let go")

    async def aclose(self) -> None:
        """Nothing is held."""


FLOAT = SignalInfo(ValueType.FLOAT, "km/h")
