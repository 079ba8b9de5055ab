"""Kills -9 while a store gets the schema of a later version; must never leave half a step, nor take one for damage."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import ManualClock
from gateway.errors import StoreError, StoreTooNew
from gateway.model import Stream
from gateway.outbox import Outbox
from gateway.outbox.schema import table
from gateway.store import Database, MigrationSet, Store
from gateway.store.budget import pages_of
from gateway.store.opening import open_file
from gateway.wire.codec import Encoder
from tests.faults.damage import drain, make
from tests.faults.oracle import Verdict
from tests.kit.gates import AllowAll
from tests.kit.outboxes import STORE_BYTES
from tests.kit.zygote import zygote

Progress = Callable[[int, int], None]
Watch = Callable[[sqlite3.Connection], None]
STEPS = ("copy", "widen", "tidy")
SLICE = 200
"""Steps of SQLite's machine between two looks, so that a kill comes within a statement too."""


@dataclass
class Report:
    """What became of stores whose migration was killed."""

    kills: int = 0
    events: int = 0
    delivered: int = 0
    altered: int = 0
    refused: int = 0
    steps_left: dict[int, int] = field(default_factory=dict)
    slowest_open_s: float = 0.0
    unbalanced: int = 0
    failures: list[str] = field(default_factory=list)


def later(watch: Watch = lambda _: None) -> MigrationSet:
    """What a later version might do: copy much, widen rows, build and drop; `watch` gets the connection first."""
    made = MigrationSet("later")

    @made(name=STEPS[0])
    def copy(db: Database) -> None:
        watch(db.conn)
        db.execute("create table later_bag(stream integer, first integer, events integer, body blob)")
        for stream in Stream:
            db.execute(f"insert into later_bag select {int(stream)}, first_seq, count, sealed from {table(stream)}")

    @made(name=STEPS[1])
    def widen(db: Database) -> None:
        watch(db.conn)
        db.execute("alter table later_bag add column size integer not null default 0")
        db.execute("update later_bag set size = length(body), body = x''")
        db.execute("create table later_sum(stream integer primary key, events integer not null)")

    @made(name=STEPS[2])
    def tidy(db: Database) -> None:
        watch(db.conn)
        db.execute("insert into later_sum select stream, sum(events) from later_bag group by stream")
        db.execute("create index later_by_first on later_bag(stream, first)")
        db.execute("alter table later_bag drop column body")
        db.execute("create view later_size as select stream, sum(size) as bytes from later_bag group by stream")

    return made


def migrate(folder: str, statement: int, piece: int, told: str) -> int:
    """A process that opens a store with the later schema and is killed before a statement, or within one.

    Zeros: it lives, and writes how many statements and slices there were.
    """
    counts = [0, 0]

    def traced(_: str) -> None:
        counts[0] += 1
        if counts[0] == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    def sliced() -> int:
        counts[1] += 1
        if counts[1] == piece:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def watch(db: sqlite3.Connection) -> None:
        db.set_trace_callback(traced)
        db.set_progress_handler(sliced, SLICE)

    opened = open_file(Path(folder), pages_of(STORE_BYTES), [Outbox.migrations, later(watch)])
    opened.db.close()
    opened.close()
    Path(told).write_text(f"{counts[0]} {counts[1]}", "ascii")
    return 0


async def run(work: Path, kills: int, seed: int = 1, progress: Progress = lambda _, __: None) -> Report:
    """Kills `kills` migrations of copies of one store, and judges what the next start makes of each."""
    rng, gate, report = random.Random(seed), AllowAll(), Report()
    whole = await make(work / "whole", gate, rng)
    with zygote("tests.faults.migration") as forker:

        def life(folder: Path, statement: int, piece: int) -> int:
            target, log = "tests.faults.migration:migrate", work / "log"
            args = {"folder": str(folder), "statement": statement, "piece": piece, "told": str(work / "told")}
            return forker.spawn(target, log, **args).wait()

        await asyncio.to_thread(shutil.copytree, work / "whole", work / "first")
        assert await asyncio.to_thread(life, work / "first", 0, 0) == 0, (work / "log").read_text("utf-8")
        statements, pieces = (int(word) for word in (work / "told").read_text("ascii").split())
        for number in range(kills):
            folder = work / f"{number}"
            await asyncio.to_thread(shutil.copytree, work / "whole", folder)
            at = (number // 2 % statements + 1, 0) if number % 2 else (0, rng.randint(1, pieces))
            status = await asyncio.to_thread(life, folder, *at)
            report.kills += status == -signal.SIGKILL
            report.events += len(whole)
            try:
                await _judge(folder, gate, whole, report)
            except (StoreError, AssertionError, sqlite3.Error) as error:
                report.failures.append(f"{number} {at}: {error!r}")
            await asyncio.to_thread(shutil.rmtree, folder)
            progress(number + 1, kills)
    return report


async def _judge(folder: Path, gate: AllowAll, whole: set[tuple[object, ...]], report: Report) -> None:
    """The version before either goes on or says what is wrong; the later one completes what was begun."""
    done = await asyncio.to_thread(_done, folder)
    report.steps_left[len(STEPS) - done] = report.steps_left.get(len(STEPS) - done, 0) + 1
    try:
        store = await Store.open(folder, clock=ManualClock(), bytes_max=STORE_BYTES, migrations=[Outbox.migrations])
    except StoreTooNew:
        assert done, "called too new without a later step"
        report.refused += 1
    else:
        rescued = store.rescued
        await store.aclose()
        assert not rescued, "the version before takes it for damage"
        assert not done, "the version before goes on with a later schema"
    began = time.monotonic()
    store = await Store.open(
        folder, clock=ManualClock(), bytes_max=STORE_BYTES, migrations=[Outbox.migrations, later()]
    )
    report.slowest_open_s = max(report.slowest_open_s, time.monotonic() - began)
    try:
        assert not store.rescued, "taken for damage"
        outbox = await Outbox.open(store, device="device-1", gate=gate, encoder=Encoder(), clock=ManualClock())
        rows, count = await drain(outbox)
        report.delivered += len(rows & whole)
        report.altered += len(rows - whole) + count - len(rows)
        report.unbalanced += not (await outbox.books()).balanced
        await store.read(_check_later)
        while await outbox.check_damage():
            pass
    finally:
        await store.aclose()


def _done(folder: Path) -> int:
    """Steps that were completed before the kill."""
    db = sqlite3.connect(folder / "store.db")
    try:
        db.execute("pragma query_only=on")
        names = {name for (name,) in db.execute("select name from _sqlite_migrations where migration_set = 'later'")}
    finally:
        db.close()
    assert names == set(STEPS[: len(names)]), f"steps out of order: {names}"
    return len(names)


def _check_later(db: sqlite3.Connection) -> None:
    """All of the later schema, made once from all of the rows."""
    columns = [row[1] for row in db.execute("pragma table_info(later_bag)")]
    assert columns == ["stream", "first", "events", "size"], columns
    for stream in Stream:
        name = table(stream)
        want = db.execute(f"select count(*), coalesce(sum(count), 0), coalesce(sum(length(sealed)), 0) from {name}")
        query = "select count(*), coalesce(sum(events), 0), coalesce(sum(size), 0) from later_bag where stream = ?"
        found = db.execute(query, (int(stream),)).fetchone()
        assert found == want.fetchone(), f"{stream.word}: {found}"
        total = db.execute("select events from later_sum where stream = ?", (int(stream),)).fetchone()
        assert (total or (0,))[0] == found[1], f"{stream.word}: {total}"
    assert db.execute("select count(*) from sqlite_master where name = 'later_by_first'").fetchone() == (1,)
    assert db.execute("pragma integrity_check").fetchone() == ("ok",)


async def migrations(folder: Path, size: int, seed: int, progress: Progress) -> Verdict:
    """So many kills, half before a statement and half within one."""
    report = await run(folder, size, seed, progress)
    verdict = Verdict(accepted=report.events, effects=report.delivered, duplicates=report.altered)
    verdict.lost = report.events - report.delivered
    verdict.unbalanced, verdict.unexplained = report.unbalanced, len(report.failures)
    left = ", ".join(f"{steps} in {count}" for steps, count in sorted(report.steps_left.items()))
    verdict.notes += [
        f"{report.kills} kills of {size} met the migration; steps left: {left}",
        f"the version before was told {report.refused} times that it is too old",
        f"slowest open afterwards {report.slowest_open_s:.2f} s",
        *report.failures,
    ]
    return verdict
