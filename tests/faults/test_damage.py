"""Damaged stores open again, save what can be read, and never send an altered event."""

from pathlib import Path

import pytest

from tests.faults import damage


@pytest.mark.timeout(120)
@pytest.mark.may_block  # the harness copies files between two opens
async def test_damaged_stores_are_rescued(tmp_path: Path) -> None:
    """Thirty stores, damaged in ten ways: all open, fast; nothing altered or doubled is sent; the books balance."""
    report = await damage.run(tmp_path, 30)
    assert report.failures == []
    assert report.stores == 30
    assert (report.altered, report.unbalanced) == (0, 0)
    assert report.rescued >= 15
    assert report.slowest_open_s <= damage.OPEN_S_MAX
    assert report.by_way["wreck_header"] == report.by_way["wreck_schema"] == 3.0
    assert report.by_way["flip_bits"] > 2.5
