"""A disk without a free byte costs nothing that was accepted, and does not keep the store shut."""

from pathlib import Path

import pytest

from tests.faults import full_disk


@pytest.mark.needs_root
@pytest.mark.timeout(120)
async def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    """Appends, receipts, a withdrawal, stops and starts on a full disk: no error, and every number is explained."""
    with full_disk.small_disk(tmp_path / "disk", 4 << 20) as disk:
        report = await full_disk.run(disk, 100_000)
    assert report.free_bytes == 0
    assert (report.appends, report.kept, report.errors) == (100_000, 100_000, 0)
    assert report.reopened == 3
    assert report.unexplained == 0
    assert report.books is not None
    assert report.books.balanced
    assert report.books.evicted > 0
    assert report.books.purged > 0
