"""Stores that are copied and put back, at random, with real uplinks and the real cloud; must never excuse a loss."""

import asyncio
import contextlib
import random
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import ManualClock
from gateway.cloud.audit import audit
from gateway.cloud.gaps import HoleState, watch
from gateway.cloud.inbox import Inbox
from gateway.cloud.schema import open_beside
from gateway.cloud.service import Cloud
from gateway.errors import StoreError
from gateway.identity import CloudIdentity
from gateway.link import Endpoint
from gateway.model import Stream
from tests.component.uplinks import CLOUD_KEY, DEVICE, DEVICE_KEY, ME, Car, car
from tests.faults.oracle import Verdict
from tests.kit.broker import mosquitto
from tests.kit.gates import AllowAll
from tests.kit.outboxes import events, kind
from tests.kit.sites import background

Progress = Callable[[int, int], None]
NOWHERE = Endpoint.parse("mqtt://127.0.0.1:1")
CLOUD = CloudIdentity("cloud", CLOUD_KEY, ME.tls, {DEVICE: DEVICE_KEY.public_key()}, Path("none"))
ACTS = ("online", "online", "offline", "drain", "copy", "copy", "restore", "restore")
LIVES_TO_DRAIN_MAX = 6


@dataclass
class Device:
    """One device, what it was given in the life that counts, and the copy somebody made of it.

    `odd`: a store that was opened again and not heard since; what it then gets may have a second effect after a
    restore, since nothing tells which of two stores gave its numbers (README, limits).
    """

    folder: Path
    rng: random.Random
    gate: AllowAll = field(default_factory=AllowAll)
    given: set[int] = field(default_factory=set)
    copied: set[int] | None = None
    next: int = 0
    odd: bool = False
    odd_copy: bool = False
    excused: bool = False
    restores: int = 0
    refused: int = 0

    @property
    def copy(self) -> Path:
        """Where the copy lies."""
        return self.folder.with_name("copy")

    def make_copy(self) -> None:
        """Somebody copies the folder of a device that is off."""
        if self.folder.exists():
            shutil.rmtree(self.copy, ignore_errors=True)
            shutil.copytree(self.folder, self.copy)
            self.copied, self.odd_copy = set(self.given), self.odd

    def put_back(self) -> None:
        """And puts the copy in its place, after a boot."""
        if self.copied is not None:
            shutil.rmtree(self.folder)
            shutil.copytree(self.copy, self.folder)
            (self.folder / "doubted").unlink(missing_ok=True)
            self.given, self.odd = set(self.copied), self.odd_copy
            self.excused |= self.odd_copy
            self.restores += 1

    async def live(self, endpoint: Endpoint, *, drain: bool) -> bool:
        """One life; whether everything that it was given was received in the end."""
        opened_before = self.folder.exists()
        async with car(self.folder, endpoint, gate=self.gate) as edge:
            dead = asyncio.Event()
            edge.store.on_fatal.append(lambda _: dead.set())
            try:
                for _ in range(self.rng.randint(1, 4)):
                    await self._give(edge)
                return await self._drained(edge, dead) if drain else False
            except StoreError:  # given up on the cloud's word, or while it gave: what was not kept is not promised
                self.refused += 1
                return False
            finally:
                heard = edge.status.receipts > 0 and not dead.is_set()
                self.odd = not heard and (self.odd or opened_before)

    async def _give(self, edge: Car) -> None:
        count = self.rng.randint(1, 200)
        first, self.next = self.next, self.next + count
        await edge.outbox.append_many(events(kind(edge.outbox.dictionary, Stream.LIVE), count, start=first))
        self.given.update(range(first, first + count))

    @staticmethod
    async def _drained(edge: Car, dead: asyncio.Event) -> bool:
        async with asyncio.timeout(20):
            while not dead.is_set():
                if edge.status.drained and (await edge.outbox.books()).pending == 0:
                    return True
                edge.changed.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await edge.changed.wait()
        return False


@contextlib.asynccontextmanager
async def cloud(endpoint: Endpoint, db: Path) -> AsyncIterator[None]:
    """The cloud kit, subscribed."""
    clock = ManualClock()
    inbox = await Inbox.open(db, CLOUD.device_key, clock=clock)
    try:
        made = Cloud(CLOUD, endpoint, inbox, clock=clock)
        async with background(made.run()):
            async with asyncio.timeout(10):
                await made.ready.wait()
            yield
    finally:
        await inbox.aclose()


async def scenario(folder: Path, seed: int, verdict: Verdict) -> int:
    """One device through some acts, and then until it is drained; how often a copy was put back."""
    one, db = Device(folder / "car", random.Random(seed)), folder / "cloud.db"
    acts: list[str] = []
    async with mosquitto() as broker, cloud(broker.endpoint(), db):
        for act in (one.rng.choice(ACTS) for _ in range(one.rng.randint(4, 9))):
            acts.append(act)
            if act == "copy":
                await asyncio.to_thread(one.make_copy)
            elif act == "restore":
                await asyncio.to_thread(one.put_back)
            else:
                await one.live(NOWHERE if act == "offline" else broker.endpoint(), drain=act == "drain")
        for _ in range(LIVES_TO_DRAIN_MAX):
            if await one.live(broker.endpoint(), drain=True):
                break
        else:
            verdict.unbalanced += 1
            verdict.notes.append(f"seed {seed}: never drained after {acts}")
    await asyncio.to_thread(_judge, db, one, f"seed {seed} {acts}", verdict)
    return one.restores


def _judge(db: Path, one: Device, what: str, verdict: Verdict) -> None:
    """Everything of the life that counts has an effect, and what has two is excused or wrong."""
    with closing(open_beside(db)) as connection:
        rows = connection.execute("select v0 from effect where v0 is not null").fetchall()
        odd = [item for item in audit(connection) if not item.faithful]
        holes = sum(gaps.missing(HoleState.UNEXPLAINED) for gaps in watch(connection)) if not one.restores else 0
    values = [int(value) for (value,) in rows]
    lost, twice = len(one.given - set(values)), len(values) - len(set(values))
    verdict.accepted += len(one.given)
    verdict.effects += len(values)
    verdict.lost += lost
    verdict.unexplained += len(odd) + holes
    if twice and one.excused:
        verdict.notes.append(f"{twice} twice, as documented: {what}")
    else:
        verdict.duplicates += twice
    if lost or odd or holes or (twice and not one.excused):
        verdict.notes.append(f"lost {lost}, twice {twice}, unfaithful {len(odd)}, holes {holes}: {what}")


async def copies(folder: Path, size: int, seed: int, progress: Progress = lambda _, __: None) -> Verdict:
    """So many devices whose folders are copied and put back at any time while they are off."""
    verdict, restores = Verdict(), 0
    for number in range(size):
        here = folder / f"{number}"
        await asyncio.to_thread(here.mkdir, parents=True, exist_ok=True)
        restores += await scenario(here, seed * 1_000 + number, verdict)
        await asyncio.to_thread(shutil.rmtree, here)
        progress(number + 1, size)
    verdict.notes.insert(0, f"{restores} times a copy was put back")
    return verdict
