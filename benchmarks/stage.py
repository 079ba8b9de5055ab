"""Where ours plays: keys, a broker, a cloud and an agent in processes of their own; must never be shared by rounds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import Party, party
from gateway.identity.pki import Pki, make_dev_pki
from tests.kit.broker import Broker, mosquitto

DEVICE = "bench-1"


@dataclass(frozen=True, slots=True)
class Stage:
    """A running broker, and where the parties have their files."""

    folder: Path
    pki: Pki
    broker: Broker

    @property
    def db(self) -> Path:
        """The cloud's database."""
        return self.folder / "cloud.db"

    @property
    def store(self) -> Path:
        """The agent's folder."""
        return self.folder / "agent"

    def cloud(self, count: int, authority: bool = False) -> contextlib.AbstractAsyncContextManager[Party]:
        """The far end; see far_end.cloud."""
        return party(
            "benchmarks.far_end:cloud",
            identity=str(self.pki.cloud),
            broker=self.broker.url,
            db=str(self.db),
            count=count,
            authority=authority,
        )

    def agent(
        self, target: str, *, broker: str = "", folder: Path | None = None, **args: object
    ) -> contextlib.AbstractAsyncContextManager[Party]:
        """An edge party: `target` is called with identity, folder and broker beside `args`."""
        place = str(folder or self.store)
        identity = str(self.pki.device(DEVICE))
        return party(target, identity=identity, folder=place, broker=broker or self.broker.url, **args)


@contextlib.asynccontextmanager
async def stage(folder: Path, *, secure: bool = False) -> AsyncIterator[Stage]:
    """A stage in an empty folder; `secure`: TLS 1.3 with client certificates and the shipped access rules."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", [DEVICE])
    async with mosquitto(tls=pki if secure else None, acl=secure) as broker:
        yield Stage(folder, pki, broker)
