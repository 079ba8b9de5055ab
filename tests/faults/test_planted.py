"""The short form of planted faults, and what keeps the long form honest."""

from pathlib import Path

import pytest

from tests.faults.patches import FAULTS, Edit, Fault
from tests.faults.planted import PatchError, plant, planted
from tests.kit.zygote import ROOT


@pytest.mark.needs_mosquitto
@pytest.mark.timed
@pytest.mark.timeout(90)
async def test_planted_faults_are_caught(tmp_path: Path) -> None:
    """The two cheapest: the tests pass in a copy as it is and fail in a copy with the fault."""
    verdict = await planted(tmp_path, 2, 1)
    assert verdict.good, "\n".join(verdict.notes)
    assert len(verdict.notes) == 2


@pytest.mark.timed
@pytest.mark.timeout(90)
async def test_a_fault_that_no_test_sees_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change without effect survives, and the verdict is bad."""
    harmless = Edit("gateway/wire/seal.py", '"""A random key."""', '"""Any random key."""')
    monkeypatch.setattr(
        "tests.faults.planted.FAULTS", (Fault("harmless", (harmless,), ("tests/unit/wire/test_seal.py",)),)
    )
    verdict = await planted(tmp_path, 1, 1)
    assert not verdict.good
    assert "NOT CAUGHT (pytest 0)" in verdict.notes[0]


def test_every_patch_fits() -> None:
    """Each old text stands exactly once in its file, and each test that is named exists."""
    assert len(FAULTS) >= 12
    for fault in FAULTS:
        for path, old, new in fault.edits:
            assert (ROOT / path).read_text("utf-8").count(old) == 1, f"{fault.name}: {path}"
            assert old != new
        for test in fault.tests:
            path, _, name = test.partition("::")
            assert f"def {name}" in (ROOT / path).read_text("utf-8"), test


def test_a_patch_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    """Absent or ambiguous, the old text stops the run before any test."""
    for content in ("", "old old"):
        (tmp_path / "file.py").write_text(content, "utf-8")
        with pytest.raises(PatchError, match=r"file\.py has \d times"):
            plant(Fault("any", (Edit("file.py", "old", "new"),), ()), tmp_path)
