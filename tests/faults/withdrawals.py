"""A guest says no to 10,000 buffered events and the power fails between any two steps; must never ask the device
whether something leaked: a witness at the broker hears it, and the raw disk is searched.
"""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.cloud.schema import open_beside, unsigned
from gateway.consent.slots import FREE, SLOT_BYTES, Slot
from gateway.flow.revocation import Step
from gateway.model import Stream
from gateway.wire.seal import Place, SealBroken, aead, unseal
from simulators.witness import BEGINNING, Mark, Seen, Witness, witness
from tests.faults.guest import GONE, SUBJECT, marker
from tests.faults.kills import quiet
from tests.faults.oracle import Verdict, judge
from tests.faults.rig import World, world
from tests.kit.zygote import Child

EVENTS = 10_000
DONE_S_MAX = 2.0
CUTS = ("", *(step.value for step in Step))
"""Where the power fails: nowhere, or at the end of a step."""
KEY_AT, KEY_BYTES = 30, 32
"""Where a key lies in its slot."""
Bag = tuple[Place, bytes]
NOWHERE = 9
"""A port on which nobody listens."""


@dataclass(slots=True)
class Found:
    """What all runs came to."""

    runs: int = 0
    buffered: int = 0
    heard: int = 0
    before: int = 0
    leaked: int = 0
    readable: int = 0
    searched: int = 0
    at_cloud: int = 0
    purged: int = 0
    slowest_s: float = 0.0
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        """One line of figures."""
        return (
            f"{self.runs} withdrawals over {self.buffered:,} buffered events of 3 purposes, slowest "
            f"{self.slowest_s:.2f} s; {self.heard:,} events heard by the witness, {self.before:,} of the purpose "
            f"before its no and {self.leaked} after; {self.at_cloud} left at the cloud; {self.readable} readable on "
            f"{self.searched / 1e6:.0f} MB of raw disk; {len(self.faults)} faults; "
        )


async def withdrawals(folder: Path, size: int, seed: int, progress: Callable[[int, int], None] = quiet) -> Verdict:
    """So many withdrawals, the power failing after each step in turn; every other while a batch is on its way."""
    return await cut_withdrawals(folder, size, EVENTS, seed, progress)


async def cut_withdrawals(
    folder: Path, size: int, events: int, seed: int, progress: Callable[[int, int], None] = quiet
) -> Verdict:
    """The campaign, with fewer events where time is short."""
    found, verdict = Found(), Verdict()
    async with world(folder, size, seed) as one, witness(one.broker.endpoint()) as heard:
        for index, device in enumerate(one.devices):
            with disk(folder / device, index % 3 == 2) as image:
                verdict.add(
                    await _one(
                        one,
                        heard,
                        device,
                        Run(CUTS[index % len(CUTS)], (index // len(CUTS) + index) % 2 == 0, events, image),
                        found,
                    )
                )
            progress(index + 1, size)
    if size > 1 and not found.before:
        found.faults.append("no batch of the purpose was ever on its way: nothing is proven of that")
    verdict.unexplained += len(found.faults)
    verdict.lost += found.leaked + found.readable + found.at_cloud
    verdict.notes += found.faults
    line = verdict.line()
    verdict.notes.append(line)
    verdict.summary = found.line() + ("all explained, the books balance" if verdict.good else "BROKEN")
    return verdict


@dataclass(frozen=True, slots=True)
class Run:
    """One withdrawal: where it is cut, whether a batch is under way, and the raw disk if there is one."""

    cut: str
    under_way: bool
    events: int
    image: Path | None


async def _one(one: World, heard: Witness, device: str, run: Run, found: Found) -> Verdict:
    found.runs, found.buffered = found.runs + 1, found.buffered + run.events
    store = one.folder / device
    first = await _life(one, device, "fill", NOWHERE, events=run.events)
    await _told(one, device, b"filled\n")
    await asyncio.to_thread(first.kill)
    secrets = await asyncio.to_thread(_secrets, store)
    sealed = await asyncio.to_thread(_sealed, store, device)
    if not _opens(await asyncio.to_thread(_image, store, run.image), sealed):
        found.faults.append(f"{device}: the search finds no key where there is one")
    second = await _life(one, device, "withdraw", one.broker.port, cut=run.cut, wait=run.under_way)
    told: dict[str, Any] = {}
    if run.cut in ("", Step.DONE.value):
        told = await _done(one, device) if not run.cut else {}
    if run.cut:
        await asyncio.to_thread(second.wait)
    mark = await heard.mark()
    if told:
        _check_done(device, told, found)
        image = await asyncio.to_thread(_image, store, run.image)
        _search(device, "when done was told", image, secrets, sealed, found)
        await asyncio.to_thread(second.kill)
    if run.cut == Step.BARRED.value:  # nothing was written and nothing told: the guest says it again
        third = await _life(one, device, "withdraw", one.broker.port)
        _check_done(device, told := await _done(one, device), found)
        mark = await heard.mark()
        await asyncio.to_thread(third.kill)
    last = await _life(one, device, "drain", one.broker.port)
    status = await asyncio.to_thread(last.wait)
    if status:
        found.faults.append(f"{device}: the last life ended with {status}")
    await heard.mark()
    _listen(heard, device, heard.born_after(mark, device) if told.get("closed", True) else mark, found)
    image = await asyncio.to_thread(_image, store, run.image)
    _search(device, "at the end", image, secrets, sealed, found)
    found.at_cloud += await asyncio.to_thread(_at_cloud, one.db, device)
    return await asyncio.to_thread(judge, one.db, one.log(device), device, erasures=True)


async def _life(one: World, device: str, part: str, port: int, **more: object) -> Child:
    await asyncio.to_thread(one.log(device).touch)
    return await asyncio.to_thread(
        one.zygote.spawn, "tests.faults.guest:life", one.log(device), identity=str(one.pki.device(device)),
        folder=str(one.folder / device), part=part, port=port, **more,
    )  # fmt: skip


async def _told(one: World, device: str, text: bytes, limit_s: float = 60.0) -> None:
    """Looks again and again: another process's file has no event."""
    async with asyncio.timeout(limit_s):
        while text not in (await asyncio.to_thread(one.log(device).read_bytes)):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def _done(one: World, device: str) -> dict[str, Any]:
    await _told(one, device, b"\nw {")
    await _told(one, device, b"}\n")
    lines = (await asyncio.to_thread(one.log(device).read_text, "utf-8")).splitlines()
    told: dict[str, Any] = json.loads(next(line for line in lines if line.startswith("w {"))[2:])
    return told


def _check_done(device: str, told: dict[str, Any], found: Found) -> None:
    found.slowest_s, found.purged = max(found.slowest_s, told["seconds"]), found.purged + told["purged"]
    if told["seconds"] > DONE_S_MAX:
        found.faults.append(f"{device}: done after {told['seconds']:.2f} s")
    if not told["keys_destroyed"]:
        found.faults.append(f"{device}: no key was destroyed")


def _listen(heard: Witness, device: str, since: Mark, found: Found) -> None:
    """What the witness heard: nothing that stands on the purpose, nor a value that only it allows."""
    every = list(heard.events(BEGINNING, device))
    leaks = [event for event in heard.events(since, device) if _of_the_purpose(event)]
    found.heard, found.leaked = found.heard + len(every), found.leaked + len(leaks)
    found.before += sum(map(_of_the_purpose, every)) - len(leaks)
    if leaks:
        found.faults.append(f"{device}: {len(leaks)} events of the purpose left, the first is number {leaks[0].seq}")


def _of_the_purpose(event: Seen) -> bool:
    return bool(event.purposes >> GONE & 1) or any(f"marker-{GONE.word}" in str(v) for v in event.values.values())


def _secrets(store: Path) -> list[bytes]:
    """The keys, as they lie on the disk, of each set with the purpose."""
    raw = (store / "keyring").read_bytes()
    slots = [raw[at : at + SLOT_BYTES] for at in range(SLOT_BYTES, len(raw), SLOT_BYTES)]
    read = [Slot.unpack(slot) for slot in slots if slot != FREE]
    return [slot.wrapped for slot in read if slot and slot.subject == SUBJECT and slot.purposes >> GONE & 1]


def _sealed(store: Path, device: str) -> list[Bag]:
    """The smallest bags with the purpose, as they lie on the disk before the no."""
    db = open_beside(store / "store.db")
    try:
        (epoch,) = db.execute("select epoch from store_state").fetchone()
        return [
            (Place(device, unsigned(epoch), stream, *row[:3]), row[3])
            for stream in (Stream.URGENT, Stream.LIVE, Stream.BULK)
            for row in db.execute(
                f"select first_seq, count, key_id, sealed from bag_{stream.word} where purposes >> {int(GONE)} & 1"
                " order by length(sealed) limit 1"
            )
        ]
    finally:
        db.close()


def _image(store: Path, device: Path | None) -> bytes:
    """Every byte of the device's files, or of the whole file system that they are on."""
    if device is not None:
        subprocess.run(["sync", "-f", str(store)], check=True)
        return device.read_bytes()
    return b"".join(path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file())


def _search(device: str, when: str, image: bytes, secrets: list[bytes], sealed: list[Bag], found: Found) -> None:
    """No key of the purpose, no marker in clear, and nothing in a place for keys that opens one of its bags."""
    found.searched += len(image)
    hits = [secret for secret in secrets if secret in image]
    hits += [b"marker"] if marker(GONE, 0)[:-6].encode() in image else []
    hits += [b"a key opens a bag"] if _opens(image, sealed) else []
    found.readable += len(hits)
    if not secrets or not sealed:
        found.faults.append(f"{device}: nothing to search for")
    if hits:
        found.faults.append(f"{device}: {when}: {len(hits)} ways to read the purpose are on the disk")


def _opens(image: bytes, bags: list[Bag]) -> bool:
    """Tries the bytes behind every mark of a key as the key of each bag; the place of a bag is no secret."""
    return any(_open(image[at + KEY_AT : at + KEY_AT + KEY_BYTES], *bag) for at in _places(image) for bag in bags)


def _places(image: bytes) -> Iterator[int]:
    at = image.find(b"KEY1")
    while at >= 0:
        yield at
        at = image.find(b"KEY1", at + 1)


def _open(key: bytes, place: Place, sealed: bytes) -> bool:
    try:
        unseal(aead(key), place, sealed)
    except (SealBroken, ValueError):
        return False
    return True


def _at_cloud(path: Path, device: str) -> int:
    """Rows at the cloud that stand on the purpose after everything has arrived."""
    db: sqlite3.Connection = open_beside(path)
    try:
        query = f"select count(*) from effect where device = ? and subject = ? and purposes >> {int(GONE)} & 1"
        return int(db.execute(query, (device, SUBJECT)).fetchone()[0])
    finally:
        db.close()


@contextlib.contextmanager
def disk(folder: Path, raw: bool) -> Iterator[Path | None]:
    """`folder` on a file system of its own whose raw bytes can be read, where this machine allows that."""
    folder.mkdir(parents=True, exist_ok=True)
    image = folder.with_suffix(".img")
    if not raw or not _mounted(folder, image):
        yield None
        return
    try:
        yield image
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        image.unlink()


def _mounted(folder: Path, image: Path) -> bool:
    if not all(map(shutil.which, ("mkfs.ext4", "mount"))):
        return False
    with image.open("wb") as file:
        file.truncate(48 << 20)
    for command in (["mkfs.ext4", "-q", str(image)], ["mount", "-o", "loop", str(image), str(folder)]):
        if subprocess.run(command, check=False, capture_output=True).returncode:
            return False
    return True
