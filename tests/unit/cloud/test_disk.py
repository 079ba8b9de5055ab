"""What SQLite raises is sorted into disk and mistake by errors that it really raised."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.cloud.disk import of_disk

Raise = Callable[[Path], None]


def full(path: Path) -> None:
    """No page is left."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table t(a)")
        db.execute("pragma max_page_count = 2")
        db.execute("insert into t values (zeroblob(100000))")


def read_only(path: Path) -> None:
    """A file system that lets nobody write."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table t(a)")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.execute("insert into t values (1)")


def no_database(path: Path) -> None:
    """Something wrote over its head."""
    path.write_bytes(b"x" * 8_192)
    with closing(sqlite3.connect(path)) as db:
        db.execute("select * from sqlite_master")


def corrupt(path: Path) -> None:
    """Something wrote over a tree of it."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table t(a)")
        db.executemany("insert into t values (?)", [("x" * 500,)] * 100)
        db.commit()
    content = path.read_bytes()
    path.write_bytes(content[:4_096] + b"\xff" * (len(content) - 4_096))
    with closing(sqlite3.connect(path)) as db:
        db.execute("select count(a) from t").fetchall()


def not_there(path: Path) -> None:
    """The folder is gone."""
    with closing(sqlite3.connect(path / "gone" / "x.db")) as db:
        db.execute("select 1")


def busy(path: Path) -> None:
    """Another process writes."""
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(path, timeout=0)) as other:
        one.execute("begin immediate")
        other.execute("begin immediate")


def statement(text: str, *values: object) -> Raise:
    """A statement that cannot be run."""

    def run(_: Path) -> None:
        with closing(sqlite3.connect(":memory:")) as db:
            db.execute("create table t(a integer primary key, b text not null unique) strict")
            db.execute("insert into t values (1, 'x')")
            db.execute(text, values)

    return run


@pytest.mark.parametrize("make", [full, read_only, no_database, corrupt, not_there, busy])
def test_what_the_disk_did(tmp_path: Path, make: Raise) -> None:
    """Also where SQLite's error is no OperationalError, as for a corrupt file."""
    with pytest.raises(sqlite3.Error) as caught:
        make(tmp_path / "x.db")
    assert of_disk(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        statement("select * from nowhere"),
        statement("this is no SQL"),
        statement("insert into t values (2, null)"),
        statement("insert into t values (2, 'x')"),
        statement("insert into t values ('two', 'y')"),
        statement("select ?", 1 << 80),
        statement("select ?"),
        statement("select zeroblob(3000000000)"),
    ],
)
def test_what_a_statement_did(tmp_path: Path, make: Raise) -> None:
    """A mistake of whoever wrote it: trying again helps nobody."""
    with pytest.raises((sqlite3.Error, OverflowError)) as caught:
        make(tmp_path)
    assert not of_disk(caught.value)


def test_an_error_without_a_number_goes_by_its_class() -> None:
    """As a library around SQLite may raise it."""
    assert of_disk(sqlite3.OperationalError("disk I/O error"))
    assert not of_disk(sqlite3.IntegrityError("no"))
    assert not of_disk(RuntimeError("no"))
