"""Stores beside our outbox: raw SQLite and persist-queue, each with the same 200-byte rows.

`python -m benchmarks.rivals.queue raw|persistqueue COUNT FOLDER` prints one line of JSON.
"""

import json
import os
import sqlite3
import sys
import time
from pathlib import Path

GROUP = 100
ROW_BYTES = 200


def raw(count: int, folder: Path) -> float:
    """`executemany` in hundreds, WAL, synchronous FULL; rows per second."""
    db = sqlite3.connect(folder / "raw.db", isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("pragma synchronous=full")
    db.execute("create table o(id integer primary key autoincrement, body blob)")
    rows = [(os.urandom(ROW_BYTES),) for _ in range(GROUP)]
    begun = time.perf_counter()
    for _ in range(count // GROUP):
        db.execute("begin immediate")
        db.executemany("insert into o(body) values(?)", rows)
        db.execute("commit")
    took = time.perf_counter() - begun
    assert db.execute("select count(*) from o").fetchone() == (count // GROUP * GROUP,)
    db.close()
    return count / took


def persistqueue(count: int, folder: Path) -> float:
    """`SQLiteAckQueue.put` one by one, as its interface has it; rows per second."""
    from persistqueue import SQLiteAckQueue  # type: ignore[import-not-found,unused-ignore]

    queue = SQLiteAckQueue(str(folder / "pq"), auto_commit=True)
    row = os.urandom(ROW_BYTES)
    begun = time.perf_counter()
    for _ in range(count):
        queue.put(row)
    took = time.perf_counter() - begun
    assert queue.size == count
    return count / took


if __name__ == "__main__":
    part = {"raw": raw, "persistqueue": persistqueue}[sys.argv[1]]
    print(json.dumps({"rows_per_s": part(int(sys.argv[2]), Path(sys.argv[3]))}))
