"""The short form of days without a network."""

from pathlib import Path

import pytest

from tests.faults.offline import offline


@pytest.mark.needs_mosquitto
@pytest.mark.timed
@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_thirty_hours_without_a_network(tmp_path: Path) -> None:
    """1,080,000 events wait, the live ones of the first hours expire with a gap, the rest arrives."""
    verdict = await offline(tmp_path, 30, 3, lambda _, __: None)
    assert verdict.good, "\n".join([verdict.line(), *verdict.notes])
    assert verdict.accepted == 30 * 36_000
    assert verdict.explained >= 5 * 18_000
