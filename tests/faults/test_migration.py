"""A migration that is killed goes on at the next start: no step half done, none twice, no event lost."""

from pathlib import Path

import pytest

from tests.faults import migration


@pytest.mark.timeout(120)
@pytest.mark.may_block  # the harness reads what a killed process left
async def test_killed_migrations_go_on(tmp_path: Path) -> None:
    """Forty kills, before statements and within them: each store is whole afterwards, for both versions."""
    report = await migration.run(tmp_path, 40)
    assert report.failures == []
    assert report.kills == 40
    assert (report.altered, report.unbalanced, report.delivered) == (0, 0, report.events)
    assert {0, 1, 2, 3} >= set(report.steps_left)
    assert len(report.steps_left) >= 3, "kills met one step only"
    assert report.refused > 0
