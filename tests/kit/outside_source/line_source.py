"""JSON lines from a socket: first the units by path, then values by path; must never need a databroker."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from gateway.errors import LinkError
from gateway.model import ValueType
from vehicle_agent.settings import VehicleAgentSettings
from vehicle_agent.source import Missing, Reading, SignalInfo


class LineSource:
    """Reads from [source] host and port of the settings."""

    def __init__(self, settings: VehicleAgentSettings) -> None:
        self.place = str(settings.source["host"]), int(str(settings.source["port"]))
        self.writer: asyncio.StreamWriter | None = None

    async def describe(self, paths: Sequence[str]) -> dict[str, SignalInfo | Missing]:
        """Connects, and reads the units."""
        await self.aclose()
        with_lines = LinkError(f"no lines from {self.place}")
        try:
            self.reader, self.writer = await asyncio.open_connection(*self.place)
            units = json.loads(await self.reader.readline())
        except (OSError, ValueError) as error:
            raise with_lines from error
        known = {path: SignalInfo(ValueType.DOUBLE, unit) for path, unit in units.items()}
        return {path: known.get(path, Missing("is not on the line")) for path in paths}

    async def readings(self, paths: Sequence[str]) -> AsyncGenerator[list[Reading], None]:
        """A list for each line."""
        while line := await self.reader.readline():
            yield [Reading(paths.index(path), None, value) for path, value in json.loads(line).items()]

    async def aclose(self) -> None:
        """Hangs up."""
        if self.writer is not None:
            self.writer.close()
            with suppress(OSError):
                await self.writer.wait_closed()
