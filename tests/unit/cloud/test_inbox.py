"""The inbox's thread: groups, promises, refusals and its end; must never sleep to let it work."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.cloud.certify import forge
from gateway.cloud.inbox import Inbox
from gateway.cloud.numbers import Numbers
from gateway.cloud.outcome import Outcome
from gateway.cloud.receipts import STREAMS_OF_RECEIPT_MAX, UNKNOWN_DICTIONARIES_MAX, Owed, receipts
from gateway.cloud.schema import VERSION
from gateway.cloud.sinks import Effects
from gateway.cloud.sqlite_sink import SqliteSink
from gateway.cloud.streams import StreamKey
from gateway.errors import Closed, StoreError, StoreTooNew
from gateway.limits import RECEIPT_EVENTS, RECEIPT_RANGES_MAX
from gateway.model import Stream
from tests.kit.cloudside import Car

CAR = Car()
LIVE = CAR.stream()
KEYS = {CAR.device: CAR.key.public_key()}


class _Counting(SqliteSink):
    """Notes the transactions in which it wrote, and fails when told."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.closed = 0

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """Writes, or not."""
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        super().write(db, effects)

    def close(self) -> None:
        """Counts."""
        self.closed += 1


class Desk:
    """An inbox and what it answered."""

    def __init__(self, inbox: Inbox, sink: _Counting) -> None:
        self.inbox, self.sink = inbox, sink

    async def take(self, *letters: tuple[str, bytes]) -> list[Outcome | None]:
        """Submits at once and waits for all the answers."""
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[Outcome | None]] = [loop.create_future() for _ in letters]
        for letter, answer in zip(letters, answers, strict=True):
            self.inbox.submit(*letter, answer.set_result)
        async with asyncio.timeout(10):
            return [await answer for answer in answers]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """An inbox on a file."""
    sink = _Counting()
    inbox = await Inbox.open(tmp_path / "cloud.db", KEYS.get, clock=ManualClock(), sink=sink)
    yield Desk(inbox, sink)
    await inbox.aclose()
    assert sink.closed == 1


async def test_answers_come_in_order(desk: Desk) -> None:
    """Many messages at once are each answered, in the order in which they came."""
    letters = [CAR.letter(forge.bag(1 + 10 * n, 10)) for n in range(200)]
    outcomes = await desk.take(*letters, letters[0])
    assert [outcome.new for outcome in outcomes if outcome is not None] == [10] * 200 + [0]
    hardened = await desk.inbox.harden([LIVE])
    assert hardened.held == {LIVE: Numbers(2_000)}


async def test_a_hardened_number_rises_over_restarts(desk: Desk, tmp_path: Path) -> None:
    """Receipts count on, and a birth asks for every stream of its epoch."""
    await desk.take(CAR.letter(forge.bag(1, 10)), CAR.letter(forge.bag(5, 2), stream=Stream.BULK))
    first = await desk.inbox.harden([], [(CAR.device, CAR.epoch)])
    assert first.held == {LIVE: Numbers(10), CAR.stream(Stream.BULK): Numbers(0, [(5, 6)])}
    await desk.inbox.aclose()
    again = await Inbox.open(tmp_path / "cloud.db", KEYS.get, clock=ManualClock())
    assert (await again.harden([LIVE])).number == first.number + 1
    await again.aclose()


async def test_a_promise_is_one_synced_commit(desk: Desk) -> None:
    """Commits of messages are NORMAL; before a receipt one commit is FULL, which syncs the log with all before it."""
    spoken: list[str] = []
    await desk.inbox.read(lambda db: db.set_trace_callback(spoken.append))
    await desk.take(CAR.letter(forge.bag(1, 10)))
    assert not [line for line in spoken if "synchronous" in line]
    spoken.clear()
    await desk.inbox.harden([])
    await desk.inbox.read(lambda db: db.set_trace_callback(None))
    assert [line.split()[0] for line in spoken[:3]] == ["pragma", "update", "pragma"]
    assert (spoken[0], spoken[2]) == ("pragma synchronous = full", "pragma synchronous = normal")


async def test_a_snapshot_stays_as_it_was(desk: Desk) -> None:
    """What a receipt is made of does not change while messages go on."""
    await desk.take(CAR.letter(forge.bag(1, 10)))
    hardened = await desk.inbox.harden([LIVE])
    await desk.take(CAR.letter(forge.bag(11, 10)))
    assert hardened.held == {LIVE: Numbers(10)}


async def test_a_refusing_disk_is_told_and_got_over(desk: Desk) -> None:
    """Every message of the commit is answered None; the same messages are taken once there is room."""
    desk.sink.full = True
    letters = [CAR.letter(forge.bag(1, 10)), CAR.letter(forge.bag(11, 10))]
    assert await desk.take(*letters) == [None, None]
    desk.sink.full = False
    assert [o.new for o in await desk.take(*letters) if o] == [10, 10]


async def test_writes_are_whole_and_errors_are_the_callers(desk: Desk) -> None:
    """A write that fails leaves nothing; its error, or the database's, comes out where it was asked."""

    def half(db: sqlite3.Connection) -> None:
        db.execute("insert into meta values ('half', 1)")
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        await desk.inbox.write(half)
    count = await desk.inbox.read(lambda db: db.execute("select count(*) from meta where name = 'half'").fetchone()[0])
    assert count == 0
    with pytest.raises(StoreError, match="no such table"):
        await desk.inbox.read(lambda db: db.execute("select * from nowhere"))
    level = await desk.inbox.read(lambda db: db.execute("pragma synchronous").fetchone()[0])
    assert level == 1, "commits are NORMAL again, whatever happened"


async def test_closing_finishes_what_was_submitted(desk: Desk) -> None:
    """What came before the end is admitted; afterwards nothing is taken."""
    answers: list[Outcome | None] = []
    desk.inbox.submit(*CAR.letter(forge.bag(1, 10)), answers.append)
    await desk.inbox.aclose()
    desk.inbox.submit(*CAR.letter(forge.bag(11, 10)), answers.append)
    with pytest.raises(Closed):
        await desk.inbox.harden([])
    assert [answer.new for answer in answers if answer] == [10]


@pytest.mark.may_block  # the test itself damages files
async def test_a_file_that_is_no_inbox_is_named(tmp_path: Path) -> None:
    """A newer version's file and a file that is no database are refused in words."""
    newer, junk = tmp_path / "newer.db", tmp_path / "junk.db"
    with closing(sqlite3.connect(newer)) as db:
        db.execute(f"pragma user_version = {VERSION + 1}")
    junk.write_bytes(b"no database at all, but long enough to look like one" * 40)
    with pytest.raises(StoreTooNew, match="update it"):
        await Inbox.open(newer, KEYS.get, clock=ManualClock())
    with pytest.raises(StoreError, match="cannot be opened"):
        await Inbox.open(junk, KEYS.get, clock=ManualClock())


async def test_receipts_are_made_by_device_and_bounded(desk: Desk) -> None:
    """At most 64 ranges, the lowest; many streams in several messages; not unknown dictionaries without end."""
    bags = [forge.bag(2 + 2 * n, 1) for n in range(RECEIPT_RANGES_MAX + 6)]
    epochs = range(100, 100 + STREAMS_OF_RECEIPT_MAX)
    owed = Owed()
    for outcome in await desk.take(CAR.letter(*bags), *(CAR.letter(forge.bag(1, 1), epoch=epoch) for epoch in epochs)):
        assert outcome is not None
        owed.note(outcome)
    for digest in range(UNKNOWN_DICTIONARIES_MAX + 5):
        owed.note(Outcome(device="car-9", unknown_dictionary=digest + 1))
    assert owed
    assert not owed.due_at_once()
    owed.note(Outcome(new=RECEIPT_EVENTS))
    assert owed.due_at_once()
    made = list(receipts(owed, await desk.inbox.harden(owed.streams), cloud_boot=8))
    assert [device for device, _ in made] == ["car-9", "car-1", "car-1"]
    assert len(made[0][1].unknown_dictionaries) == UNKNOWN_DICTIONARIES_MAX
    parts = [part for _, receipt in made[1:] for part in receipt.streams]
    assert [part.epoch for part in parts] == [CAR.epoch, *epochs]
    assert [(r.first, r.last) for r in parts[0].above] == [(2 + 2 * n, 2 + 2 * n) for n in range(RECEIPT_RANGES_MAX)]
    assert {receipt.cloud_boot for _, receipt in made} == {8}


def test_a_birth_alone_is_owed_a_receipt() -> None:
    """Nothing held: the receipt is empty, and tells that a cloud is there."""
    from gateway.cloud.inbox import Hardened

    owed = Owed(births={"car-1": 5})
    assert owed
    assert [(device, len(r.streams), r.number) for device, r in receipts(owed, Hardened(3, {}), 1)] == [("car-1", 0, 3)]
    assert StreamKey("car-1", 5, Stream.LIVE) < StreamKey("car-2", 1, Stream.LIVE)


class _Reopened(SqliteSink):
    """A sink that fails at one batch, and then once more when it is opened again."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False

    def open(self, db: sqlite3.Connection) -> None:
        """Fails once after a failure."""
        if self.broken:
            self.broken = False
            raise RuntimeError("cannot be opened again")
        super().open(db)

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """Fails when told."""
        if self.broken:
            raise RuntimeError("a mistake of the sink")
        super().write(db, effects)


async def test_a_sink_that_breaks_anyhow_leaves_the_inbox_alive(tmp_path: Path) -> None:
    """The messages are not acknowledged, none is taken, and the next ones are answered."""
    sink = _Reopened()
    inbox = await Inbox.open(tmp_path / "cloud.db", KEYS.get, clock=ManualClock(), sink=sink)
    desk = Desk(inbox, _Counting())
    try:
        assert (await desk.take(CAR.letter(forge.bag(1, 5))))[0] is not None
        sink.broken = True
        assert await desk.take(CAR.letter(forge.bag(6, 5))) == [None]
        outcome = (await desk.take(CAR.letter(forge.bag(6, 5))))[0]
        assert outcome is not None
        assert outcome.new == 5
    finally:
        await inbox.aclose()
