"""One world for fault runs: broker, cloud, a device, and the process that forks; must never leave a process behind."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from gateway.identity.pki import Pki, make_dev_pki
from tests.faults.oracle import Verdict, judge, last_report
from tests.kit.broker import Broker, mosquitto
from tests.kit.zygote import Child, Zygote, zygote

STORE_BYTES = 4 << 20
SMALL_BYTES = 1 << 20
MODULES = (
    "tests.faults.workers",
    "tests.faults.guest",
    "gateway.runtime",
    "gateway.cloud.process",
    "gateway.identity.keystore",
)


@dataclass(slots=True)
class World:
    """Where faults happen."""

    folder: Path
    pki: Pki
    broker: Broker
    zygote: Zygote
    rng: random.Random
    devices: list[str]
    life: int = 0
    cloud: Child | None = None
    agent_port: int | None = None
    """Where agents find the broker, if not at its own port."""
    store_bytes: int = STORE_BYTES
    cloud_port: int | None = None

    @property
    def db(self) -> Path:
        """The cloud's database."""
        return self.folder / "cloud.db"

    def log(self, device: str) -> Path:
        """What the lives of a device told."""
        return self.folder / f"{device}.log"

    async def start_cloud(self) -> None:
        """The cloud in a process of its own."""
        self.cloud = await asyncio.to_thread(
            self.zygote.spawn, "tests.faults.workers:cloud", self.folder / "cloud.log",
            identity=str(self.pki.cloud), broker=f"mqtt://127.0.0.1:{self.cloud_port or self.broker.port}",
            db=str(self.db),
        )  # fmt: skip

    async def stop_cloud(self) -> None:
        """SIGKILL."""
        if self.cloud is not None:
            await asyncio.to_thread(self.cloud.kill)
            self.cloud = None

    async def start_agent(self, device: str, mode: str = "plain", *, quiet: bool = False, small: bool = False) -> Child:
        """A new life of a device."""
        self.life += 1
        return await asyncio.to_thread(
            self.zygote.spawn, "tests.faults.workers:agent", self.log(device),
            identity=str(self.pki.device(device)), folder=str(self.folder / device),
            port=self.agent_port or self.broker.port,
            life=self.life, mode=mode, store_bytes=SMALL_BYTES if small else self.store_bytes, quiet=quiet,
        )  # fmt: skip

    async def finish(self, device: str, *, small: bool = False, erasures: bool = False) -> Verdict:
        """A last, quiet life that drains, then the verdict."""
        last = await self.start_agent(device, quiet=True, small=small)
        status = await asyncio.to_thread(last.wait)
        verdict = await asyncio.to_thread(judge, self.db, self.log(device), device, erasures=erasures)
        if status or not last_report(self.log(device)):
            tail = self.log(device).read_text("utf-8", errors="replace")[-600:]
            verdict.notes.append(f"{device}: the last life ended with {status}: {tail}")
            verdict.unbalanced += 1
        return verdict


@contextlib.asynccontextmanager
async def world(folder: Path, devices: int, seed: int, *, start_cloud: bool = True) -> AsyncIterator[World]:
    """A broker, a cloud (unless the caller starts it) and so many enrolled devices in `folder`."""
    names = [f"device-{index}" for index in range(devices)]
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", names)
    with zygote(*MODULES) as forker:
        async with mosquitto() as broker:
            one = World(folder, pki, broker, forker, random.Random(seed), names)
            if start_cloud:
                await one.start_cloud()
            try:
                yield one
            finally:
                await one.stop_cloud()
