"""The short form of the withdrawals: the power fails once at each step, and once nowhere."""

from pathlib import Path

import pytest

from tests.faults.withdrawals import CUTS, cut_withdrawals


@pytest.mark.needs_mosquitto
@pytest.mark.timed
@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_no_kill_undoes_a_no_and_nothing_leaks(tmp_path: Path) -> None:
    """A witness at the broker hears nothing of the purpose, and no byte of the raw disk can be read."""
    verdict = await cut_withdrawals(tmp_path, len(CUTS), 10_000, 5)
    assert verdict.good, "\n".join([verdict.line(), *verdict.notes])
    assert verdict.explained + verdict.erased == len(CUTS) * 10_000 // 4
    assert verdict.erased, "no batch was on its way: the campaign proves nothing of that"
