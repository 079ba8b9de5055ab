"""The default sink keeps the contract, and can narrow and read back; must never look at another sink's insides."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from gateway.cloud import sinks
from gateway.cloud.schema import open_database, unsigned
from gateway.cloud.sinks import Effects, ShapeInfo, SignalInfo, Sink, make_sink, purposes_text
from gateway.cloud.sqlite_sink import SqliteSink, readings
from gateway.contracts.sink import DRIVING, EPOCH, SUBJECT, USAGE, Place, SinkContract
from gateway.errors import ConfigError
from gateway.model import PurposeSet, SeqRange, Stream, ValueType


class TestSqliteSink(SinkContract):
    """The contract, for SqliteSink."""

    def make(self) -> Sink:
        """A new one."""
        return SqliteSink()

    def held(self, db: sqlite3.Connection, sink: Sink) -> Iterable[Place]:
        """Its rows."""
        return [
            (row[0], unsigned(row[1]), row[2], row[3])
            for row in db.execute("select device, epoch, stream, seq from effect")
        ]


class TestNarrowingSink(TestSqliteSink):
    """The contract, for SqliteSink with a policy of signals."""

    def make(self) -> Sink:
        """One that knows which purposes allow which signal."""
        return SqliteSink(allowed)


def allowed(path: str) -> PurposeSet:
    """Speed for driving behaviour, the door for both."""
    return {"Vehicle.Speed": DRIVING, "Vehicle.Door": DRIVING | USAGE}.get(path, 0)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """An inbox database in memory."""
    with closing(open_database(":memory:")) as connection:
        yield connection


def both(seqs: range, purposes: PurposeSet = DRIVING | USAGE) -> Effects:
    """Events with a speed and a door."""
    signals = (SignalInfo("Vehicle.Speed", ValueType.FLOAT, "km/h"), SignalInfo("Vehicle.Door", ValueType.BOOL, ""))
    count = len(seqs)
    return Effects(
        device="car-1",
        epoch=EPOCH,
        stream=Stream.LIVE,
        boot=1,
        subject=SUBJECT,
        purposes=purposes,
        shape=ShapeInfo(1, "both", signals),
        seqs=seqs,
        ts_us=[5] * count,
        received_ms=[6] * count,
        columns=[[88.5] * count, [True] * count],
    )


def test_a_duplicate_would_show(db: sqlite3.Connection) -> None:
    """The table has no unique key: the same number twice is two rows, so tests of dedupe can fail."""
    sink = SqliteSink()
    sink.open(db)
    sink.write(db, [both(range(1, 2))])
    sink.write(db, [both(range(1, 2))])
    assert db.execute("select count(*) from effect").fetchone() == (2,)


def test_readings_are_read_back_by_path(db: sqlite3.Connection) -> None:
    """View `reading` names each value by its signal."""
    sink = SqliteSink()
    assert list(readings(db)) == []
    sink.open(db)
    sink.write(db, [both(range(1, 2))])
    assert [tuple(reading) for reading in readings(db, "seq = ? order by path", (1,))] == [
        ("car-1", "Vehicle.Door", 5, 1),
        ("car-1", "Vehicle.Speed", 5, 88.5),
    ]


def test_a_partial_withdrawal_keeps_what_is_still_allowed(db: sqlite3.Connection) -> None:
    """With a policy, the withdrawn purpose takes its signals and leaves the row to the other purpose."""
    sink = SqliteSink(allowed)
    sink.open(db)
    sink.write(db, [both(range(1, 3))])
    assert sink.erase(db, SUBJECT, DRIVING) == 2
    assert db.execute("select purposes, v0, v1 from effect").fetchall() == [(USAGE, None, 1)] * 2
    assert sink.erase(db, SUBJECT, USAGE) == 2
    assert db.execute("select count(*) from effect").fetchone() == (0,)


def test_without_a_policy_an_overlap_is_deleted_whole(db: sqlite3.Connection) -> None:
    """Not knowing which signal stood on which purpose, the sink forgets too much rather than too little."""
    sink = SqliteSink()
    sink.open(db)
    sink.write(db, [both(range(1, 3)), both(range(3, 4), USAGE)])
    assert sink.erase(db, SUBJECT, DRIVING) == 2
    assert db.execute("select seq from effect").fetchall() == [(3,)]


def test_only_takes_the_named_numbers() -> None:
    """A bag that overlaps what is held is cut to the missing numbers, in every column."""
    effect = sinks.only(both(range(10, 20)), [SeqRange(10, 11), SeqRange(19, 25)])
    assert list(effect.seqs) == [10, 11, 19]
    assert [len(column) for column in (effect.ts_us, effect.received_ms, *effect.columns)] == [3, 3, 3, 3]
    assert next(iter(replace(effect, columns=[[1, 2, 3]]).rows())) == (10, 5, 6, 1)


def test_installed_sinks_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package's entry point is found; an unknown or broken name says what there is."""
    offered = EntryPoints(
        [
            EntryPoint("other", "gateway.cloud.sqlite_sink:SqliteSink", sinks.ENTRY_POINTS),
            EntryPoint("broken", "gateway.cloud.nowhere:Sink", sinks.ENTRY_POINTS),
        ]
    )
    monkeypatch.setattr(sinks, "entry_points", lambda group: offered.select(group=group))
    assert isinstance(make_sink("other"), SqliteSink)
    assert isinstance(make_sink("sqlite"), SqliteSink)
    with pytest.raises(ConfigError, match="installed are: broken, other, sqlite"):
        make_sink("kafka")
    with pytest.raises(ConfigError, match="cannot be loaded: ModuleNotFoundError"):
        make_sink("broken")


def test_purposes_in_words() -> None:
    """A set of purposes is readable, one of a newer version too."""
    assert purposes_text(DRIVING | USAGE) == "driving_behaviour+usage_analytics"
    assert purposes_text(0) == "none"
    assert purposes_text(1 << 40) == "40"
