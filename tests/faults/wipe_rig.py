"""A car whose head unit lives in a process of its own, with all around it that outlives a kill: databroker, actuators,
broker, witness, authority; must never leave a process behind.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.clock import ManualClock, SystemClock
from gateway.profile import Value
from gateway.profile.fit import fit, load_cards, overlay_path, unfit
from simulators.databroker import Catalogue, Databroker
from simulators.headunit import HeadUnit, World, catalogue_for
from tests.faults.stops import ended
from tests.faults.wipe_car import MODEL
from tests.kit.cabins import POSITION
from tests.kit.consent_loop import Loop, loop
from tests.kit.databrokers import until
from tests.kit.zygote import Child, Zygote, zygote
from vehicle_agent.cabin.fitting import limits_of

DEVICE = "car-1"
GIVE_UP_S = 30.0


class GoingClock(ManualClock):
    """The machine's clock where a world wants one that can be moved."""

    def __init__(self) -> None:
        super().__init__()
        self._real = SystemClock()

    def wall_us(self) -> int:
        """Now."""
        return self._real.wall_us()

    def boottime_s(self) -> float:
        """Since the machine's boot."""
        return self._real.boottime_s()

    def boot_id(self) -> int:
        """The machine's."""
        return self._real.boot_id()


@dataclass(slots=True)
class Rig:
    """Made by `rig`. `steps`: what the present child told of its wipe, with the milliseconds since its beginning."""

    loop: Loop
    databroker: Databroker
    unit: HeadUnit
    forker: Zygote
    pipe: int
    child: Child | None = None
    steps: list[tuple[str, float]] = field(default_factory=list)
    status: int = 0
    _read: int = 0

    @property
    def store(self) -> Path:
        """The car's folder."""
        return self.loop.folder / DEVICE

    @property
    def log(self) -> Path:
        """What all lives of the car said, each line of their logs included."""
        return self.loop.folder / "car.log"

    @property
    def fifo(self) -> Path:
        """Where its orders come from."""
        return self.loop.folder / "orders"

    async def start(self, die_ms: float = 0.0) -> None:
        """A new life; `die_ms`: a kill so long after its beginning."""
        self.steps = []
        self.child = await asyncio.to_thread(
            self.forker.spawn, "tests.faults.wipe_car:life", self.log,
            identity=str(self.loop.pki.device(DEVICE)), folder=str(self.store), port=self.loop.network.port,
            databroker=self.databroker.address, orders=str(self.fifo), die_ms=die_ms,
        )  # fmt: skip

    def order(self, **fields: object) -> None:
        """Tells the child what is next."""
        os.write(self.pipe, json.dumps(fields).encode() + b"\n")

    async def hear(self, word: str, limit_s: float = GIVE_UP_S) -> dict[str, Any] | None:
        """What the child says under that word; None when it is dead instead. Steps that it tells are collected."""
        assert self.child is not None
        until_s = asyncio.get_running_loop().time() + limit_s
        while asyncio.get_running_loop().time() < until_s:
            dead = await asyncio.to_thread(ended, self.child.pid)
            for name, told in await asyncio.to_thread(lambda: list(self._lines(word))):
                if name == word:
                    return told
                self.steps += [(told["name"], told["ms"])] if name == "step" else []
            if dead:
                await self.gone()
                return None
            await asyncio.sleep(0.003)
        raise RuntimeError(f"the car did not say {word!r} in {limit_s:.0f} s: see {self.log}")

    async def must(self, word: str) -> dict[str, Any]:
        """The same of a child that has no reason to die."""
        told = await self.hear(word)
        if told is None:
            raise RuntimeError(f"the car died ({self.status}) before it said {word!r}: see {self.log}")
        return told

    async def gone(self) -> None:
        """It is dead, by its own hand or by ours; an order that it did not read any more is nobody's."""
        if self.child is not None:
            await asyncio.to_thread(self.child.kill)
            self.status = await asyncio.to_thread(self.child.wait)
            self.child = None
            with contextlib.suppress(BlockingIOError):
                os.read(self.pipe, 65_536)

    def leaves(self) -> Mapping[str, bytes]:
        """What the databroker says to anybody who asks, values and targets."""
        found = {}
        for path, entry in self.databroker.tree.by_path.items():
            target = entry.target.SerializeToString() if entry.target is not None else b""
            found[f"leaf {path}"] = entry.point.SerializeToString() + target
        return found

    def _lines(self, word: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """New whole lines that were told, up to the one under `word`."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                if line.startswith(b"@"):
                    name, _, text = line[1:].decode().partition(" ")
                    yield name, json.loads(text)
                    if name == word:
                        return


def body() -> tuple[dict[str, Value], Mapping[str, float | str | bool | tuple[str, ...]]]:
    """What a guest is like, in numbers that nobody else has; and where that is in this car: no seat travels."""
    cards = dict(load_cards())
    card = cards[MODEL]
    middle = {
        path: (one.low + one.high) / 2
        for path, one in card.actuators.items()
        if one.low is not None and one.high is not None
    }
    values = unfit(middle, card)
    for key, telling in (("seat.leg_mm", 0.1234567), ("seat.torso_deg", 0.0234567)):
        found = values[key]
        assert isinstance(found, int | float)
        values[key] = found + telling
    return values, {one.path: one.value for one in fit(values, {}, card, cards).targets}


@contextlib.asynccontextmanager
async def rig(folder: Path, put: Mapping[str, float | str | bool | tuple[str, ...]]) -> AsyncIterator[Rig]:
    """All of it, parked; the broker keeps what it holds on its disk. No life of the car yet."""
    card = (await asyncio.to_thread(load_cards))[MODEL]
    private, limits = await asyncio.to_thread(Catalogue.read, overlay_path()), limits_of(card)
    await asyncio.to_thread(os.mkfifo, folder / "orders")
    await asyncio.to_thread((folder / DEVICE).mkdir)
    await asyncio.to_thread((folder / "car.log").touch)
    pipe = os.open(folder / "orders", os.O_RDWR | os.O_NONBLOCK)
    try:
        with zygote("tests.faults.wipe_car") as forker:
            async with loop(folder, persistence="true", autosave_interval=1) as one, Databroker(
                catalogue_for(limits, private)
            ) as databroker:  # fmt: skip
                one.profiles, one.clock = True, await asyncio.to_thread(GoingClock)
                await one.cloud_up()
                unit = HeadUnit(databroker.address, limits, world=World(), private=private)
                for path, value in put.items():
                    unit.unit.put(path, value)
                async with unit:
                    await until(lambda: databroker.tree.by_path[POSITION].point.HasField("value"))
                    made = Rig(one, databroker, unit, forker, pipe)
                    try:
                        yield made
                    finally:
                        await made.gone()
    finally:
        os.close(pipe)
