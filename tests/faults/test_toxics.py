"""The short form of a network that is ill."""

from pathlib import Path

import pytest

from tests.faults.toxics import toxics

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed, pytest.mark.timeout(90)]


async def test_no_toxic_of_a_network_loses_an_event(tmp_path: Path) -> None:
    """Each of six toxics once, several at a time: nothing is lost, and events flow again after the last."""
    verdict = await toxics(tmp_path, 6, 5)
    assert verdict.good, "\n".join([verdict.line(), *verdict.notes])
    assert verdict.accepted >= 1_000, verdict.line()
