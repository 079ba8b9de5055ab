"""The short form of the day: what left without a grant is nothing, and no log, metric or topic names a person."""

from pathlib import Path

import pytest

from tests.faults.day import whole_day
from tests.kit import scanner as people
from tests.kit.scanner import Scanner


@pytest.mark.needs_mosquitto
@pytest.mark.timed
@pytest.mark.timeout(60)
async def test_a_whole_day_on_the_wire(tmp_path: Path) -> None:
    """Twenty-four hours in virtual time; each hour begins with a minute of driving."""
    verdict = await whole_day(tmp_path, 60.0, 1.0)
    assert verdict.good, "\n".join([verdict.line(), *verdict.notes])
    assert verdict.effects > 1_500, "what was waiting when the link was cut is purged by the no that follows"


def test_the_scanner_finds_what_it_looks_for() -> None:
    """Each kind of personal value, planted or not, in any place."""
    for text in (*people.SECRETS, "1HGCM82633A004352", "max@example.com", '{"latitude": 52.5200}', "lon=13.40495"):
        scanner = Scanner()
        scanner.add("logs", f"something {text} happened")
        assert scanner.found()["logs"] >= 1, text
    clean = Scanner()
    clean.add("logs", '{"event": "agent_open", "device": "day-1", "seconds": 0.0471, "bytes": 123456789012345678}')
    assert clean.found() == {}
