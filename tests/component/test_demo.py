"""Proves the main job: a drive, packaged or recorded, reaches the cloud through an outage and the books balance."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulators.demo.options import DemoOptions, Outage
from simulators.demo.report import DemoReport
from simulators.demo.run import run_demo

pytestmark = [pytest.mark.timed, pytest.mark.slow, pytest.mark.timeout(90)]
RECORDINGS = ["rav4-san-francisco", "omaha-15", "twizy-rabat-1"]


def check(found: DemoReport, backlog_min: int) -> None:
    """Nothing lost, nothing twice, and the outage was one."""
    assert found.good, found.lines()
    assert found.outage.max_backlog >= backlog_min, found.lines()
    assert found.outage.drain_s is not None, found.lines()
    assert found.outage.urgent_events > 0
    assert found.link.connects >= 2


@pytest.mark.shared_data
@pytest.mark.parametrize("name", RECORDINGS)
async def test_a_recorded_drive_reaches_the_cloud(shared_data: Path, tmp_path: Path, name: str) -> None:
    """All of its rows become events; the demonstration is as long as asked, the recording fills it."""
    file = shared_data / "vehicle" / f"{name}.csv"
    found = await run_demo(DemoOptions(tmp_path, duration_s=6, outage=Outage(2, 2), replay=file))
    check(found, 300)
    assert found.drive.rows == len(file.read_text("utf-8").splitlines()) - 1
    assert found.drive.unclassified == []
    assert found.books.appended >= found.drive.rows


async def test_the_packaged_drive_on_the_broker_of_a_wheel(tmp_path: Path) -> None:
    """Without mosquitto, with rows in clear."""
    options = DemoOptions(tmp_path, duration_s=6, outage=Outage(2, 2), broker_kind="iotcore", plain=True)
    found = await run_demo(options)
    check(found, 1_000)
    assert found.drive.signals >= 20
    assert found.link.broker.startswith("iotcore")


def test_the_command_reports_and_says_what_it_cannot_do(tmp_path: Path) -> None:
    """`forecourt demo --headless` writes its report and exits 0; a file that is no recording exits 2 with a reason."""
    command = [str(Path(sys.executable).with_name("forecourt")), "demo", "--headless", "--duration", "5"]
    good = subprocess.run(
        [*command, "--outage", "1:2", "--report", str(tmp_path / "r.json")],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert good.returncode == 0, good.stdout + good.stderr
    found: dict[str, Any] = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert found["lost"] == 0
    assert found["books"]["appended"] > 1_000
    bad = tmp_path / "bad.csv"
    bad.write_text("no,recording\n", "utf-8")
    told = subprocess.run([*command, "--replay", str(bad)], check=False, capture_output=True, text=True, timeout=60)
    assert told.returncode == 2
    assert "field,signal,value,delay" in told.stderr
    assert "Traceback" not in told.stderr
