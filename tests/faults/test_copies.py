"""Copies of a store that are put back lose nothing of what it was given since, and nothing has a second effect."""

from pathlib import Path

import pytest

from tests.faults.copies import copies


@pytest.mark.needs_mosquitto
@pytest.mark.timeout(120)
async def test_copies_that_are_put_back(tmp_path: Path) -> None:
    """Eight devices, copied and restored at random."""
    verdict = await copies(tmp_path, 8, 1)
    assert verdict.good, "\n".join(verdict.notes)
    assert verdict.accepted > 1_000
    assert not verdict.notes[0].startswith("0 times")
