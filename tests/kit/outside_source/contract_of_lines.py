"""The outside package's own test: the contract of the gateway, inherited; must never weaken it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

from line_source import LineSource  # type: ignore[import-not-found]

from gateway.contracts.source import SourceContract


class Lines:
    """Something that writes lines."""

    number = "Vehicle.Speed"

    def __init__(self) -> None:
        self.port, self.present, self.writers = 0, "", list[asyncio.StreamWriter]()

    async def mend(self) -> None:
        """Listens."""
        self.server = await asyncio.start_server(self.greet, "127.0.0.1", self.port)
        if self.port == 0:
            self.port = self.server.sockets[0].getsockname()[1]
            self.source = LineSource(SimpleNamespace(source={"host": "127.0.0.1", "port": self.port}))

    def greet(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A caller gets the units and what is shown at present."""
        writer.write((json.dumps({self.number: "km/h"}) + "\n" + self.present).encode())
        self.writers.append(writer)

    async def show(self, number: int) -> None:
        """A line."""
        self.present = json.dumps({self.number: number}) + "\n"
        for writer in self.writers:
            writer.write(self.present.encode())

    async def cut(self) -> None:
        """Hangs up."""
        self.server.close()
        for writer in self.writers:
            writer.close()
        self.writers.clear()
        self.present = ""


class TestLineSource(SourceContract):
    """The contract."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[Lines]:
        """A writer of lines."""
        lines = Lines()
        await lines.mend()
        yield lines
        await lines.cut()
