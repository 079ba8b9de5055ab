"""The tolerant reader of SQLite's format reads what SQLite reads."""

import random
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store.budget import row_bytes
from gateway.store.pages import Image
from gateway.store.rescue import DamagedStore

Value = int | float | str | bytes | None
VALUES = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(max_size=50),
    st.binary(max_size=9_000),
)


def made(folder: Path, rows: list[tuple[Value, Value]]) -> Path:
    """A database with these rows, in a folder like one set aside."""
    folder.mkdir(exist_ok=True)
    db = sqlite3.connect(folder / "store.db", isolation_level=None)
    db.execute("pragma page_size=4096")
    db.execute("drop table if exists t")
    db.execute("create table t(id integer primary key, a, b)")
    db.execute("begin")
    db.executemany("insert into t(a, b) values(?, ?)", rows)
    db.execute("commit")
    db.close()
    return folder


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(VALUES, VALUES), max_size=30))
def test_every_row_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Value, Value]]) -> None:
    """Integers of any size, floats, texts, blobs over many pages, nothing: as they were written."""
    folder = made(tmp_path_factory.mktemp("image"), rows)
    found = sorted(DamagedStore(folder).rows("t", 3))
    assert [values[1:] for _, values in found] == rows
    assert [rowid for rowid, _ in found] == list(range(1, len(rows) + 1))


def test_a_large_table_is_walked_through_its_inner_pages(tmp_path: Path) -> None:
    """A tree of several levels."""
    folder = made(tmp_path / "a", [(number, "x" * 200) for number in range(20_000)])
    assert sum(1 for _ in DamagedStore(folder).rows("t", 3)) == 20_000


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_noise_never_raises(seed: int) -> None:
    """Pages of noise, with the marks of leaves and inner pages: the reader ends, and raises nothing."""
    rng = random.Random(seed)
    content = bytearray(rng.randbytes(8 * 4_096))
    for page in range(8):
        content[page * 4_096 + (100 if page == 0 else 0)] = rng.choice([0x0D, 0x05, 0x0A])
    image = Image(bytes(content), rng.randbytes(10_000))
    for number in range(1, image.count + 1):
        image.children(number)
        list(image.leaf_rows(number))


def test_the_log_lies_over_the_pages(tmp_path: Path) -> None:
    """Commits that are in the write-ahead log alone are read."""
    folder = tmp_path / "a"
    folder.mkdir()
    db = sqlite3.connect(folder / "store.db", isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("pragma wal_autocheckpoint=0")
    db.execute("create table t(a)")
    db.execute("insert into t values(5)")
    assert [values for _, values in DamagedStore(folder).rows("t", 1)] == [(5,)]
    db.close()


@pytest.mark.parametrize("size", [90, 300, 1_000, 2_000, 4_000, 4_061, 4_062, 9_000, 100_000])
def test_the_cost_of_a_row_is_what_sqlite_takes(tmp_path: Path, size: int) -> None:
    """The estimate is within a tenth of the pages that many such rows take, and never far below."""
    db = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    db.execute("create table t(id integer primary key, b)")
    before = db.execute("pragma page_count").fetchone()[0]
    count = max(50, 400_000 // size)
    db.execute("begin")
    db.executemany("insert into t(b) values(zeroblob(?))", [(size - 6,)] * count)
    db.execute("commit")
    taken = (db.execute("pragma page_count").fetchone()[0] - before) * 4_096
    db.close()
    assert 0.9 * taken <= row_bytes(size) * count <= 1.15 * taken + 8_192
