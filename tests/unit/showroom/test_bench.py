"""The showroom's figures still run and judge, in their smallest form; must never demand a speed of a busy machine."""

from pathlib import Path

import pytest

from benchmarks import radio
from benchmarks.figures import NotWholeError, Run, Samples


@pytest.mark.timed
async def test_what_a_hub_reads_in_a_second_is_counted_and_judged(tmp_path: Path) -> None:
    """All four figures come out, two of them have goals; a wrong answer makes the round not count."""
    figures = await radio.measure(Run(tmp_path, quick=True, scale=0.01))
    rows = radio.rows(Samples([figures]))
    assert all(value > 0 for value in figures.values())
    assert [row.ok is not None for row in rows] == [True, False, True, False]
    with pytest.raises(NotWholeError, match="3 right answers, not 4"):
        radio.seconds(lambda: 3, 4)
