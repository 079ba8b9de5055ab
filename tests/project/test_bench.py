"""Proves that the benchmarks still run and judge: the smallest form of two entries, and what must not count."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from benchmarks import append, e2e, gate
from benchmarks.far_end import check
from benchmarks.figures import Entry, NotWholeError, Run, Samples, regimes, table

SMALLEST = 0.01


@pytest.mark.timed
@pytest.mark.needs_mosquitto
@pytest.mark.timeout(60)
@pytest.mark.parametrize("entry", [e2e.ENTRY, gate.ENTRY, append.ENTRY], ids=lambda entry: entry.name)
async def test_an_entry_runs_in_its_smallest_form_and_fills_its_part_of_the_table(entry: Entry, tmp_path: Path) -> None:
    """Every party runs for a few thousand events, the far end is checked, and each goal gets a verdict."""
    figures = await entry.measure(Run(tmp_path, quick=True, scale=SMALLEST))
    rows = entry.rows(Samples([figures]))
    assert len(rows) >= 2
    assert all(row.ok is not None for row in rows)
    assert all(value > 0 for value in figures.values())
    assert all(row.what in table(rows) for row in rows)


def test_rounds_of_two_regimes_of_the_disk_are_never_averaged() -> None:
    """0.15 ms and 4 ms stand apart, 0.15 and 0.5 together."""
    groups = regimes([(4.0, {"x": 1.0}), (0.15, {"x": 3.0}), (0.5, {"x": 5.0})])
    assert [(least, most, samples.mid("x")) for least, most, samples in groups] == [(0.15, 0.5, 4.0), (4.0, 4.0, 1.0)]


DAMAGES = {
    "lost": "delete from effect_row where seq = 500",
    "twice": "insert into effect_row select * from effect_row where seq = 500",
    "altered": "update effect_row set v3 = v3 + 1 where seq = 500",
}


@pytest.mark.timed
@pytest.mark.needs_mosquitto
async def test_a_far_end_that_is_not_whole_does_not_count(tmp_path: Path) -> None:
    """One event that is lost, there twice or altered is found."""
    await e2e.ours(tmp_path, 10_000, 1_000)
    check(tmp_path / "cloud.db", 1_000)
    for name, damage in DAMAGES.items():
        shutil.copy(tmp_path / "cloud.db", tmp_path / name)
        db = sqlite3.connect(tmp_path / name)
        db.execute(damage)
        db.commit()
        db.close()
        with pytest.raises(NotWholeError):
            check(tmp_path / name, 1_000)
