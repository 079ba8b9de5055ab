"""One life of a device that does commands and is killed at a named point; must never survive that point."""

import asyncio
import os
import signal
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import control_pb2

from gateway.clock import ManualClock
from gateway.flow.commands import CommandRouter
from gateway.flow.journal import Admission, Entry, Journal, Now, Stage
from gateway.flow.schema import schema
from gateway.store import Store

TOPIC = "forecourt/v1/device-1/down/cmd"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
POINTS = ("admitted", "accepted", "running", "ran", "finished", "answered", "told")


class _KilledJournal(Journal):
    """A journal after whose steps the process may die."""

    def __init__(self, store: Store, point: str) -> None:
        super().__init__(store)
        self._point = point

    async def admit(self, entry: Entry, issued_us: int, open_max: int, now: Now, *, safe: bool = False) -> Admission:
        admission = await super().admit(entry, issued_us, open_max, now, safe=safe)
        _die_at(self._point == "admitted")
        return admission

    async def running(self, entry: Entry) -> bool:
        begun = await super().running(entry)
        _die_at(self._point == "running")
        return begun

    async def finished(self, entry: Entry) -> None:
        await super().finished(entry)
        _die_at(self._point == "finished")

    async def told(self, entry: Entry, stage: Stage) -> None:
        await super().told(entry, stage)
        _die_at(self._point == "told" and stage is Stage.DONE)


class _Paper:
    """A control stream on a file."""

    def __init__(self, path: Path, point: str) -> None:
        self._path, self._point = path, point
        self.final = asyncio.Event()

    async def append_control(self, record: control_pb2.ControlRecord) -> None:
        """One line for a reply, on disk when it returns."""
        reply = record.reply
        await asyncio.to_thread(
            _write, self._path, f"{reply.command} {reply.stage} {reply.reason} {reply.result.hex()}"
        )
        _die_at(self._point == "accepted" and int(reply.stage) == Stage.ACCEPTED)
        if reply.stage >= Stage.DONE:
            _die_at(self._point == "answered")
            self.final.set()


def live(folder: str, payload: str, point: str, wait_s: float) -> None:
    """Takes the command, if there is one, and ends after its final answer, or after `wait_s` without one."""
    asyncio.run(_live(Path(folder), bytes.fromhex(payload), point, wait_s))


async def _live(folder: Path, payload: bytes, point: str, wait_s: float) -> None:
    clock = ManualClock()
    store = await Store.open(folder / "store", clock=clock, bytes_max=1 << 20, migrations=[schema])
    paper = _Paper(folder / "replies", point)
    router = CommandRouter(store, paper, clock, TOPIC, [KEY.public_key()], journal=_KilledJournal(store, point))

    async def effect(body: bytes) -> bytes:
        await asyncio.to_thread(_write, folder / "effects", body.hex())
        _die_at(point == "ran")
        return b"ok"

    router.register("test.effect", effect)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(router.run())
        if payload:
            router.offer(payload, lambda: None)
        try:
            async with asyncio.timeout(wait_s):
                await paper.final.wait()
                await asyncio.sleep(0.1)  # a second answer would be a fault, and gets its chance
        except TimeoutError:
            pass
        task.cancel()
    await store.aclose()


def _write(path: Path, line: str) -> None:
    with path.open("a", encoding="ascii") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _die_at(here: bool) -> None:
    if here:
        os.kill(os.getpid(), signal.SIGKILL)
