"""What was accepted survives a power loss after any system call."""

from pathlib import Path

import pytest

from tests.faults.powerloss import replay


@pytest.mark.needs_strace
@pytest.mark.timeout(120)
@pytest.mark.may_block  # the replay reads a trace and writes images of disks
async def test_no_power_loss_takes_what_was_accepted(tmp_path: Path) -> None:
    """Power cut at 150 moments, with all or some of the unsynced bytes gone: every promise holds."""
    report = await replay.run(tmp_path, 150)
    assert report.lost == []
    assert report.checked >= 140
    assert report.with_promises >= 100
