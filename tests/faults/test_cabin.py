"""The short form of the drives: no order and no motion that should not be, and a judge that would see one."""

from pathlib import Path

import pytest

from tests.faults.cabin import Drives, cabin
from vehicle_agent.cabin import interlocks, stepping
from vehicle_agent.cabin.inputs import Inputs
from vehicle_agent.cabin.outcome import Reason


@pytest.mark.timed
async def test_an_hour_of_drives_with_faults(tmp_path: Path) -> None:
    """Nothing is ordered while it rolls, is free or says nothing; all stands within 200 ms; no edit without a hand."""
    told: list[tuple[int, int]] = []
    verdict = await cabin(tmp_path, 1, 1, lambda *done: told.append(done))
    assert told[-1] == (1, 1)
    assert verdict.good, "\n".join([verdict.line(), *verdict.notes])
    assert verdict.accepted > 200


def _never(*_: object) -> Reason:
    return Reason.NONE


def _any_age(inputs: Inputs, path: str, now_ms: int) -> object:
    return inputs.value(path)


@pytest.mark.parametrize("mistake", ["no interlock", "any age", "no parking", "far ahead"])
def test_the_judge_sees_a_mistake(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an interlock, with old signals, without a look at the gear, or with whole travels ordered at once."""
    match mistake:
        case "no interlock":
            monkeypatch.setattr(stepping, "bar", _never)
        case "any age":
            monkeypatch.setattr(Inputs, "fresh", _any_age)
        case "no parking":
            monkeypatch.setattr(interlocks, "parked", lambda *_: True)
        case "far ahead":
            monkeypatch.setattr(stepping, "waypoint", lambda step, *_: step.value)
    drives = Drives(4)
    drives.run(600)
    assert (+drives.books.wrong).total() > 0
