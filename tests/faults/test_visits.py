"""The short form of a thousand guests on one car."""

from pathlib import Path

import pytest

from tests.faults.visits import visits


@pytest.mark.needs_mosquitto
@pytest.mark.timed
@pytest.mark.timeout(60)
async def test_guests_on_one_car_stay_apart(tmp_path: Path) -> None:
    """Fourteen visits, some offline, some that say no, half made known: nobody is merged, nothing is left."""
    verdict = await visits(tmp_path, 14, 3)
    assert verdict.good, "\n".join([verdict.line(), *verdict.notes])
    assert "0 false merges" in verdict.line()
    assert verdict.effects >= 30
