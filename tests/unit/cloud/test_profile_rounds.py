"""The rounds of the profile authority: what one device or one failure may not do to the others."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from forecourt.v1 import control_pb2, profile_pb2

from gateway.clock import ManualClock
from gateway.cloud.commands import TooManyCommands
from gateway.cloud.profile import rounds as rooms
from gateway.cloud.profile.desk import ProfileDesk
from gateway.cloud.profile.proofs import Codes, Proofs
from gateway.cloud.profile.rounds import ANSWER, CHANGED, LOOK_S, UNSTAGE, ProfileParts, ProfileRounds
from gateway.cloud.profile.terms import ProfileTerms
from gateway.cloud.schema import open_database
from gateway.errors import StoreError
from gateway.profile.sealing import context, public_bytes, seal, unseal

T = TypeVar("T")


class SlowAccounts:
    """A provider whose answer is what the test makes of it."""

    def __init__(self) -> None:
        self.asked, self.go, self.breaks = asyncio.Event(), asyncio.Event(), False

    async def verify(self, token: str, nonce: None, *, visit: str) -> object:
        """Waits, or fails as nobody foresaw."""
        if self.breaks:
            raise ZeroDivisionError(f"{len(token)} {nonce} {visit}")
        self.asked.set()
        await self.go.wait()
        return token

    def handle(self, account: object) -> bytes:
        """Of anybody."""
        return str(account).encode()


class World:
    """Rounds over a database, and what they issue. A disk refuses `refusals` times."""

    def __init__(self, db: sqlite3.Connection, folder: Path) -> None:
        self.db, self.clock, self.refusals = db, ManualClock(), 0
        self.terms = ProfileTerms.of(Ed25519PrivateKey.generate(), folder / "erasures.jsonl")
        self.desk = ProfileDesk(db, self.terms, self.clock, lambda _name, _by: None)
        self.codes = Codes(db, self.terms, self.desk.ledger, self.clock)
        self.thread = ThreadPoolExecutor(1)
        self.accounts, self.asked = SlowAccounts(), 0
        proofs = Proofs(self.terms, self.clock, self.accounts)  # type: ignore[arg-type]
        self.rounds = ProfileRounds(ProfileParts(self, self.desk, self.codes, proofs, lambda _: True), self, self.clock)
        self.keys: dict[str, X25519PrivateKey] = {}
        self.issued: list[tuple[str, str, bytes]] = []
        self.came, self.refused = asyncio.Condition(), asyncio.Event()

    async def on(self, fn: Callable[..., T], *args: object) -> T:
        """On the one thread that the database belongs to."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, fn, *args)

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """As an inbox does it."""
        if self.refusals:
            self.refusals -= 1
            self.refused.set()
            raise StoreError("the disk refuses")
        return await self.on(fn, self.db)

    write = read

    async def issue(self, device: str, kind: str, body: bytes = b"", *, life_s: int = 3_600) -> int:
        """As a commander does it."""
        if kind == UNSTAGE and self.refusals:
            self.refusals -= 1
            raise TooManyCommands("enough")
        now_us, number = self.clock.wall_us(), len(self.issued) + 1
        row = number, device, kind, number, body, now_us, now_us + life_s * 1_000_000
        await self.on(self.db.execute, "insert into command values(?, ?, ?, ?, ?, ?, ?, 0)", row)
        self.issued.append((device, kind, body))
        async with self.came:
            self.came.notify_all()
        return life_s

    async def new(self) -> int:
        """An empty profile."""
        return await self.on(self.desk.ledger.new)

    async def code(self, profile: int, life_s: int = 600) -> profile_pb2.ProfileProof:
        """A proof that opens it."""
        return profile_pb2.ProfileProof(code=await self.on(self.codes.new, profile, "", life_s))

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the database says."""
        return await self.on(lambda: self.db.execute(query).fetchall())

    async def asks(self, device: str, subject: int, proof: profile_pb2.ProfileProof | None) -> None:
        """A vehicle's request comes."""
        key = self.keys.setdefault(device, X25519PrivateKey.generate())
        self.asked += 1
        request = profile_pb2.ProfileRequest(subject=subject, request=self.asked, session_key=public_bytes(key))
        if proof is not None:
            info = context("proof", device, subject, request.session_key)
            request.proof = seal(proof.SerializeToString(), public_bytes(self.terms.seal), info)
        assert await self.on(self.desk.take, device, control_pb2.ControlRecord(profile=request))
        self.rounds.due()

    async def answer(self, device: str, count: int = 1) -> profile_pb2.ProfileAnswer:
        """The newest of so many answers to a device."""

        def found() -> list[bytes]:
            return [body for to, kind, body in self.issued if (to, kind) == (device, ANSWER)]

        async with asyncio.timeout(10), self.came:
            await self.came.wait_for(lambda: len(found()) >= count)
        return profile_pb2.ProfileAnswer.FromString(found()[-1])

    def state(self, device: str, answer: profile_pb2.ProfileAnswer) -> profile_pb2.ProfileState:
        """What the vehicle reads."""
        info = context("answer", device, answer.subject, answer.request.to_bytes(8, "big"))
        return profile_pb2.ProfileState.FromString(unseal(answer.sealed, self.keys[device], info))


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Rounds that run."""
    with closing(await asyncio.to_thread(open_database, ":memory:")) as db:
        made = await asyncio.to_thread(World, db, folder)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(made.rounds.run(), name="rounds")
            yield made
            task.cancel()
        await asyncio.to_thread(made.thread.shutdown)
        made.desk.close()


WRONG = profile_pb2.ProfileProof(code="7K-3F9Q-ZX2M")


async def test_a_request_that_breaks_the_judge_holds_up_nobody(tmp_path: Path) -> None:
    """It is answered with `later`; the service and all others go on."""
    async with world(tmp_path) as one:
        jan, one.accounts.breaks = await one.new(), True
        await one.asks("car-1", 1, profile_pb2.ProfileProof(token="a.b.c"))
        await one.asks("car-2", 2, await one.code(jan))
        assert (await one.answer("car-1")).refused == "later"
        assert (await one.answer("car-2")).refused == ""


async def test_a_disk_that_refuses_for_a_while_ends_no_service(tmp_path: Path) -> None:
    """Requests stay, and are answered when it takes again."""
    async with world(tmp_path) as one:
        jan = await one.new()
        one.refusals = 1
        await one.asks("car-1", 1, await one.code(jan))
        await one.refused.wait()
        one.rounds.due()
        assert (await one.answer("car-1")).refused == ""


async def test_what_is_over_goes_however_busy_it_is(tmp_path: Path) -> None:
    """Codes and visits that ended long ago are forgotten though somebody asks all the time."""
    async with world(tmp_path) as one:
        jan = await one.new()
        await one.asks("car-1", 1, await one.code(jan, 60))
        await one.answer("car-1")
        await one.on(one.desk._end, "car-1", 1)
        one.clock.advance(2 * 86_400 + LOOK_S)
        for count in range(1, 6):
            await one.asks("car-2", 1 + count, WRONG)
            await one.answer("car-2", count)
        assert await one.rows("select count(*) from profile_code") == [(0,)]
        assert await one.rows("select count(*) from profile_visit") == [(0,)]


async def test_a_device_has_one_visit(tmp_path: Path) -> None:
    """Another one begins: that before is over, though its end was never heard of; another device's is not."""
    async with world(tmp_path) as one:
        jan = await one.new()
        for device, subject in (("car-2", 9), ("car-1", 1), ("car-1", 2)):
            await one.asks(device, subject, await one.code(jan))
            await one.answer(device, 1 + (subject == 2))
        found = await one.rows("select device, subject from profile_visit where ended_us is null order by subject")
        assert found == [("car-1", 2), ("car-2", 9)]


async def test_what_a_vehicle_said_of_one_profile_is_not_told_of_another(tmp_path: Path) -> None:
    """Two guests sign in one after the other in one visit: the second reads nothing of the first."""
    async with world(tmp_path) as one:
        jan, mia = await one.new(), await one.new()
        await one.asks("car-1", 1, await one.code(jan))
        await one.answer("car-1")
        await one.rows("update profile_visit set result = x'0000', reported_version = 7")
        await one.asks("car-1", 1, None)
        await one.answer("car-1", 2)
        assert await one.rows("select result, reported_version from profile_visit") == [(b"\0\0", 7)]
        await one.asks("car-1", 1, await one.code(mia))
        state = one.state("car-1", await one.answer("car-1", 3))
        assert state.document.epoch == await one.on(one.desk.ledger.epoch, mia)
        assert await one.rows("select result, reported_version from profile_visit") == [(None, 0)]


async def test_a_visit_is_told_once_of_a_change(tmp_path: Path) -> None:
    """And not again while nothing changes."""
    async with world(tmp_path) as one:
        jan = await one.new()
        await one.asks("car-1", 1, await one.code(jan))
        await one.answer("car-1")
        await one.on(one.desk.ledger.set, jan, {"radio.volume_pct": 20.0}, "app")
        for count in (2, 3):
            one.rounds.due()
            await one.asks("car-2", 2, WRONG)
            await one.answer("car-2", count - 1)
        assert [device for device, kind, _ in one.issued if kind == CHANGED] == ["car-1"]


async def test_a_visit_that_ends_while_its_proof_is_judged_stays_ended(tmp_path: Path) -> None:
    """Nothing ties it to a profile any more, and nothing is sent to it."""
    async with world(tmp_path) as one:
        await one.asks("car-1", 1, profile_pb2.ProfileProof(token="a.b.c"))
        await one.accounts.asked.wait()
        gone = control_pb2.ControlRecord(profile=profile_pb2.ProfileRequest(subject=1, request=9, sign_out=True))
        await one.on(one.desk.take, "car-1", gone)
        one.accounts.go.set()
        await one.asks("car-2", 2, WRONG)
        await one.answer("car-2")
        assert await one.rows("select subject from profile_visit where ended_us is null") == []
        assert [kind for device, kind, _ in one.issued if device == "car-1"] == []


async def test_a_vehicle_that_is_away_is_told_once_of_many_changes(tmp_path: Path) -> None:
    """A note that waits for it says it all; it has room for others' commands, and is told again when it took that."""
    async with world(tmp_path) as one:
        jan = await one.new()
        await one.asks("car-1", 1, await one.code(jan))
        await one.answer("car-1")
        for count in range(1, 4):
            await one.on(one.desk.ledger.set, jan, {"radio.volume_pct": float(count)}, "app")
            await one.asks("car-2", 2, WRONG)
            await one.answer("car-2", count)
        assert [kind for _, kind, _ in one.issued].count(CHANGED) == 1
        await one.rows(f"update command set stage = 1 where kind = '{CHANGED}'")
        for count in (4, 5):
            await one.asks("car-2", 2, WRONG)
            await one.answer("car-2", count)
        assert [kind for _, kind, _ in one.issued].count(CHANGED) == 2


async def test_what_is_staged_of_an_erased_profile_is_taken_back_whatever_comes_between(tmp_path: Path) -> None:
    """The wish is part of the erasure's transaction: a crash, or a vehicle that takes no more commands, delays it."""
    async with world(tmp_path) as one:
        jan = await one.new()
        for device, stage_id in (("car-1", b"stage--1"), ("car-2", b"stage--2")):
            await one.on(one.codes.new, jan, device, 600, stage_id)
        await one.on(one.desk.ledger.erase, jan)
        for refusals in (1, 0):
            one.rounds.due()
            await one.asks("car-3", 3, WRONG)
            await one.answer("car-3", 2 - refusals)
            one.refusals = refusals
        one.rounds.due()
        async with asyncio.timeout(10), one.came:
            await one.came.wait_for(lambda: sum(kind == UNSTAGE for _, kind, _ in one.issued) >= 2)
        told = {(d, profile_pb2.ProfileUnstage.FromString(b).id) for d, kind, b in one.issued if kind == UNSTAGE}
        assert told == {("car-1", b"stage--1"), ("car-2", b"stage--2")}


async def test_a_vehicle_that_asks_all_the_time_is_answered_so_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer costs three commits of everybody's database; what it asks beyond waits, and others do not."""
    monkeypatch.setattr(rooms, "ANSWERS_MAX", 3)
    async with world(tmp_path) as one:
        for count in range(1, 4):
            await one.asks("car-1", 1, WRONG)
            await one.answer("car-1", count)
        await one.asks("car-1", 1, WRONG)
        await one.asks("car-2", 2, WRONG)
        await one.answer("car-2")
        assert [device for device, kind, _ in one.issued if kind == ANSWER] == ["car-1"] * 3 + ["car-2"]
        monkeypatch.setattr(rooms, "ANSWERS_S", 0.0)
        one.rounds.due()
        await one.answer("car-1", 4)
