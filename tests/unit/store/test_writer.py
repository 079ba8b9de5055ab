"""Jobs share commits, and none fails for another."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.errors import Closed
from gateway.store import Database, MigrationSet, Store, savepoint

notes = MigrationSet("notes")


@notes()
def note(db: Database) -> None:
    """One table."""
    db.execute("create table note(id integer primary key, word text not null)")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A small store with one table."""
    opened = await Store.open(tmp_path / "store", clock=ManualClock(), bytes_max=1 << 20, migrations=[notes])
    yield opened
    await opened.aclose()


def write(db: sqlite3.Connection, word: str) -> None:
    """One row."""
    db.execute("insert into note(word) values(?)", (word,))


async def words(store: Store) -> list[str]:
    """All rows."""
    return await store.read(lambda db: [word for (word,) in db.execute("select word from note order by id")])


async def commits(store: Store) -> int:
    """How many commits the store counts."""
    return await store.read(lambda db: int(db.execute("select n1 from tally where id = 0").fetchone()[0]))


class Remembering:
    """A job that writes a word and remembers its answers."""

    def __init__(self, word: str, error: Exception | None = None) -> None:
        self.word, self.error = word, error
        self.answers: list[Exception | None] = []
        self.runs = 0
        self.answered = asyncio.Event()

    def run(self, db: sqlite3.Connection) -> None:
        """Writes, then maybe fails."""
        self.runs += 1
        write(db, self.word)
        if self.error is not None:
            raise self.error

    def done(self, error: Exception | None) -> None:
        """Remembers, on the loop's thread."""
        assert threading.current_thread() is threading.main_thread()
        self.answers.append(error)
        self.answered.set()


async def test_a_failing_job_does_not_fail_its_neighbours(store: Store) -> None:
    """Three jobs of one commit: the middle one fails, its row is undone, the others are durable."""
    wrong = ValueError("no")
    jobs = [Remembering("a"), Remembering("b", wrong), Remembering("c")]
    for job in jobs:
        store.schedule(job, 0.01)
    for job in jobs:
        await job.answered.wait()
    assert [job.answers for job in jobs] == [[None], [wrong], [None]]
    assert await words(store) == ["a", "c"]


async def test_jobs_that_are_due_share_a_commit(store: Store) -> None:
    """Forty writes asked for at once cost far fewer commits, and each resolves."""
    before = await commits(store)
    await asyncio.gather(*(store.write(lambda db, n=n: write(db, str(n))) for n in range(40)))  # type: ignore[misc]
    assert len(await words(store)) == 40
    assert await commits(store) - before < 40


async def test_a_job_waits_for_its_time_unless_it_rides(store: Store) -> None:
    """A later commit is not joined by a job whose time has not come, but by one that rides."""
    patient, rider = Remembering("patient"), Remembering("rider")
    store.schedule(patient, 60.0)
    store.schedule(rider, 60.0, rides=True)
    await store.write(lambda db: write(db, "now"))
    await rider.answered.wait()
    assert (rider.runs, patient.runs) == (1, 0)
    store.schedule(patient, 120.0)
    store.schedule(patient)
    await patient.answered.wait()
    assert (patient.runs, patient.answers) == (1, [None])


async def test_what_rides_runs_before_what_is_due(store: Store) -> None:
    """A rider that was scheduled last is written first, so that those who need room find what it frees."""
    due, rider = Remembering("due"), Remembering("rider")
    store.schedule(due, 0.01)
    store.schedule(rider, 60.0, rides=True)
    await rider.answered.wait()
    assert await words(store) == ["rider", "due"]


class Slow(Remembering):
    """A job that is prepared in slices; in the second it waits to be let on."""

    def __init__(self, word: str, fails: bool = False) -> None:
        super().__init__(word)
        self.fails = fails
        self.slices = 0
        self.waits, self.go_on = threading.Event(), threading.Event()

    def prepare(self) -> bool:
        """A slice."""
        self.slices += 1
        if self.fails:
            raise ValueError
        if self.slices == 2:
            self.waits.set()
            self.go_on.wait(10)
        return self.slices < 4


async def test_a_commit_goes_between_two_slices(store: Store) -> None:
    """What is due while a slow job is prepared does not wait for the rest of it."""
    slow, quick, rider = Slow("slow"), Remembering("quick"), Remembering("rider")
    store.schedule(slow, prepare=slow.prepare)
    await asyncio.to_thread(slow.waits.wait, 10)
    store.schedule(quick)
    store.schedule(rider, 60.0, rides=True)
    slow.go_on.set()
    for job in (slow, quick, rider):
        await job.answered.wait()
    assert await words(store) == ["rider", "quick", "slow"]
    assert (slow.slices, slow.runs) == (4, 1)


async def test_a_flood_of_commits_does_not_stop_a_slow_job(store: Store) -> None:
    """For each commit in between there is a slice, until the slow job is written."""
    slow, count = Slow("slow"), 0
    slow.go_on.set()
    store.schedule(slow, prepare=slow.prepare)
    while not slow.runs:
        await store.write(lambda db: write(db, "quick"))
        count += 1
    assert count <= slow.slices + 2


async def test_what_cannot_be_prepared_is_written_all_the_same(tmp_path: Path) -> None:
    """A preparation that raises leaves it to the run; closing prepares and writes what waits."""
    store = await Store.open(tmp_path / "store", clock=ManualClock(), bytes_max=1 << 20, migrations=[notes])
    broken, waiting = Slow("broken", fails=True), Slow("waiting")
    waiting.go_on.set()
    store.schedule(broken, prepare=broken.prepare)
    await broken.answered.wait()
    store.schedule(waiting, 60.0, prepare=waiting.prepare)
    assert await words(store) == ["broken"]
    await store.aclose()
    await waiting.answered.wait()
    assert (waiting.slices, waiting.answers) == (4, [None])


async def test_a_job_that_loses_the_transaction_does_not_take_its_neighbours_along(store: Store) -> None:
    """SQLITE_FULL rolls a whole transaction back: the others are run again, and only the culprit fails."""

    def greedy(db: sqlite3.Connection) -> None:
        db.execute("insert into note(word) values(zeroblob(4000000))")

    good = [Remembering("a"), Remembering("b")]
    store.schedule(good[0], 0.01)
    task = store.write(greedy)
    store.schedule(good[1], 0.01)
    with pytest.raises(Exception, match="full"):
        await task
    for job in good:
        await job.answered.wait()
    assert await words(store) == ["a", "b"]


async def test_savepoints_nest(store: Store) -> None:
    """An inner part is undone alone."""

    def both(db: sqlite3.Connection) -> None:
        write(db, "outer")
        try:
            with savepoint(db):
                write(db, "inner")
                raise KeyError
        except KeyError:
            write(db, "after")

    await store.write(both)
    assert await words(store) == ["outer", "after"]


async def test_a_commit_is_told_once(store: Store) -> None:
    """The hook for commits is called once per commit, on the loop, after the jobs were answered."""
    told: list[bool] = []
    job = Remembering("a")
    store.on_commit.append(lambda: told.append(job.answered.is_set()))
    store.schedule(job)
    await job.answered.wait()
    await store.write(lambda db: write(db, "b"))
    assert told[0]
    assert len(told) == 2


async def test_closing_writes_what_waits_and_refuses_what_comes(store: Store) -> None:
    """A job that lingers is written by the close; one that comes later is answered with Closed."""
    lingering, late = Remembering("lingering"), Remembering("late")
    store.schedule(lingering, 60.0)
    await store.aclose()
    assert lingering.answers == [None]
    store.schedule(late)
    await late.answered.wait()
    assert isinstance(late.answers[0], Closed)
    with pytest.raises(Closed):
        await store.read(lambda db: db.execute("select 1").fetchone())


async def test_reads_cannot_write(store: Store) -> None:
    """The reader's connection refuses to write."""
    with pytest.raises(Exception, match="readonly"):
        await store.read(lambda db: write(db, "no"))
    assert await words(store) == []
