"""Proves the demonstration's parts without running it: options, plan, report, catalogue."""

import json
from pathlib import Path

import pytest

from gateway.consent import SignalPolicy
from gateway.errors import ConfigError
from gateway.model import Books, Purpose, purpose_set
from simulators.demo.display import View, render, spark
from simulators.demo.marks import p99
from simulators.demo.options import DemoOptions, Outage
from simulators.demo.plan import plan_for
from simulators.demo.report import CloudTally, DemoReport, DriveTally, LinkTally, OutageTally
from vehicle_agent.plan import PlanFile


def report(**changes: int) -> DemoReport:
    """A report of 100 events, all settled, with changes to books or cloud."""
    fates = {"appended": 100, "settled": 100, "pending": 0, "evicted": 0, "expired": 0, "purged": 0, "quarantined": 0}
    cloud = {"effects": 100, "duplicates": 0, "unexplained_gaps": 0}
    books = Books(**fates | {name: value for name, value in changes.items() if name in fates})
    tally = CloudTally(**cloud | {name: value for name, value in changes.items() if name in cloud})
    outage = OutageTally(10, 0.5, 40.0, 3)
    return DemoReport(books, tally, outage, DriveTally("d", 20, 100, 10.0), LinkTally("mosquitto", "none"))


def test_a_good_report_is_good() -> None:
    """The books balance, nothing is lost; its JSON has every part that is promised."""
    assert report().good
    assert report().lost == 0
    assert "0 lost, 0 duplicates" in report().lines()[-1]


@pytest.mark.parametrize(
    "flaw",
    [
        {"effects": 99},
        {"effects": 101, "duplicates": 1},
        {"unexplained_gaps": 1},
        {"settled": 99, "pending": 1, "effects": 99},
        {"settled": 99},
    ],
    ids=["lost", "twice", "unexplained", "left", "unbalanced"],
)
def test_any_flaw_makes_it_bad(flaw: dict[str, int]) -> None:
    """One event is enough."""
    assert not report(**flaw).good


def test_the_report_is_json(tmp_path: Path) -> None:
    """The parts and their names are those of the acceptance."""
    report().write(tmp_path / "r.json")
    found = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert set(found["books"]) == {
        "appended", "settled", "pending", "evicted", "expired", "purged", "quarantined",
    }  # fmt: skip
    assert {"effects", "duplicates", "unexplained_gaps"} <= set(found["cloud"])
    assert {"max_backlog", "drain_s", "urgent_latency_p99_ms"} <= set(found["outage"])
    assert {"file", "signals", "rows"} <= set(found["drive"])
    assert {"broker", "security"} <= set(found["link"])


@pytest.mark.parametrize("text", ["10", "a:b", "5:0", "-1:5", "5:", ":5", "1:2:3", "inf:1"])
def test_an_outage_that_cannot_be_is_explained(text: str) -> None:
    """The error shows the form."""
    with pytest.raises(ConfigError, match="START:LENGTH"):
        Outage.parse(text)


def test_an_outage_has_to_end_in_time(tmp_path: Path) -> None:
    """Otherwise nothing could drain while the drive goes on."""
    assert Outage.parse("10:15").end_s == 25
    with pytest.raises(ConfigError, match="has to return"):
        DemoOptions(tmp_path, duration_s=20, outage=Outage(10, 15))
    with pytest.raises(ConfigError, match="drive-speed"):
        DemoOptions(tmp_path, drive_speed=0)


def test_the_plan_names_what_may_be_kept(tmp_path: Path) -> None:
    """Classified signals become events for consented purposes; the others are named and left out."""
    policy = SignalPolicy.load()
    plan = plan_for(["Vehicle.Speed", "Vehicle.Driver.HeartRate", "Vehicle.Made.Up"], policy)
    assert plan.unclassified == ["Vehicle.Driver.HeartRate", "Vehicle.Made.Up"]
    assert plan.purposes & purpose_set([Purpose.DRIVING_BEHAVIOUR])
    file = tmp_path / "plan.toml"
    file.write_text(plan.text, "utf-8")
    assert PlanFile.read(file).plan.paths == ("Vehicle.Speed",)


def test_the_display_shows_the_books() -> None:
    """A frame renders, with bars that reach the top at the highest value."""
    assert spark([0, 5, 10]) == " ▄█"
    assert spark([0, 0]) == "  "
    view = View("t", 1, 2, "drive", "d", 3, {"live": (5, 2, 3)}, True, "mosquitto", "none", 3, 0.5, [1, 2], "law")
    from rich.console import Console

    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123 - rich wants a file
    console.print(render(view))
    console.file.close()
    text = console.export_text()
    assert "link security: none" in text
    assert "live" in text


def test_p99() -> None:
    """Of nothing there is none."""
    assert p99([]) is None
    assert p99([float(i) for i in range(1, 101)]) == 100.0
