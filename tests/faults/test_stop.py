"""The short form of orderly ends."""

from pathlib import Path

import pytest

from tests.faults.stops import stops

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed, pytest.mark.timeout(60)]


async def test_sigterm_under_load_ends_in_time_and_loses_nothing(tmp_path: Path) -> None:
    """Five stops of the agent, one with the cloud, one while the broker is away: exit 0 within 5 s, the books whole."""
    verdict = await stops(tmp_path, 5, 7)
    assert verdict.good, "\n".join([verdict.line(), *verdict.notes])
    assert verdict.accepted >= 1_000, verdict.line()
