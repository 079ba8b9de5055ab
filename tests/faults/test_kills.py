"""The short form of the kill campaigns: nothing accepted is lost, nothing takes effect twice, the books balance."""

from pathlib import Path

import pytest

from tests.faults import kills
from tests.faults.oracle import Verdict

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed, pytest.mark.slow, pytest.mark.timeout(120)]


def check(verdict: Verdict, accepted_min: int) -> None:
    """Good, and about enough events to mean something."""
    assert verdict.good, "\n".join([verdict.line(), *verdict.notes])
    assert verdict.accepted >= accepted_min, verdict.line()


async def test_the_agent_may_be_killed_at_any_point(tmp_path: Path) -> None:
    """60 kills while stores are made, opened, filled, evicted and withdrawn from; one device for each mode."""
    verdict = await kills.agent_kills(tmp_path, 60, 7)
    check(verdict, 20_000)
    assert verdict.explained, "no store overflowed: the campaign proves nothing of eviction"
    assert verdict.erased, "no withdrawal reached the cloud: the campaign proves nothing of it"


async def test_the_cloud_may_be_killed_between_effect_and_receipt(tmp_path: Path) -> None:
    """16 kills, half of them right behind a commit."""
    check(await kills.cloud_kills(tmp_path, 16, 7), 5_000)


async def test_the_broker_may_be_killed_and_come_back_empty(tmp_path: Path) -> None:
    """6 kills under load."""
    check(await kills.broker_kills(tmp_path, 6, 2, 7), 5_000)
