"""Proves the main job: a drive, packaged or recorded, reaches the cloud through an outage and the books balance."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.model import Purpose
from simulators.demo.options import DemoOptions, NoAt, Outage
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


@pytest.mark.needs_mosquitto
async def test_a_guest_says_no_in_the_middle_of_an_outage(tmp_path: Path) -> None:
    """What waits is purged in time, keys are gone, and a witness at the broker hears nothing of the purpose."""
    no = NoAt.parse("2.5:driving_behaviour")
    found = await run_demo(DemoOptions(tmp_path, duration_s=5, outage=Outage(1, 2), withdraw=no))
    assert found.good, found.lines()
    assert found.withdrawal is not None
    assert found.withdrawal.purpose == "driving_behaviour"
    assert found.withdrawal.purged > 100
    assert found.withdrawal.done_ms <= 2_000
    assert found.withdrawal.key_destroyed
    assert found.withdrawal.witnessed > 100, "the witness heard what is still allowed"
    assert found.withdrawal.leaked == 0
    leak = replace(found, withdrawal=replace(found.withdrawal, leaked=1))
    assert not leak.good


def test_what_the_guest_may_not_refuse_is_refused() -> None:
    """Each mistake says what would do."""
    for text in ("20", "x:profile", "-1:profile", "20:safety", "20:nothing"):
        with pytest.raises(ConfigError, match="SECONDS:PURPOSE"):
            NoAt.parse(text)
    with pytest.raises(ConfigError, match="before the drive ends"):
        DemoOptions(Path(), duration_s=5, withdraw=NoAt(5, Purpose.PROFILE))


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
