"""The guests of the demonstration: real broker, agents and cloud kit; and that its verdict can be a bad one."""

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.errors import ConfigError
from gateway.log import Log
from gateway.model import Books
from simulators.brokers import desk_broker
from simulators.demo.guests import Heard, run_guests, search
from simulators.demo.guests_report import GuestsTally, Visit, tally
from simulators.demo.report import CloudTally, DemoReport, DriveTally, LinkTally, OutageTally
from simulators.demo.run import broker_endpoint
from simulators.demo.verb import demo

pytestmark = pytest.mark.timed
MODELS = [("Jan", "saloon"), ("Jan", "suv"), ("Mia", "suv")]


@pytest.mark.timeout(60)
@pytest.mark.needs_mosquitto
async def test_guests_come_to_cars_of_two_models_and_leave_nothing(tmp_path: Path) -> None:
    """What they turn comes back, also from a car without a network; the phone's later wish stays; nothing is left."""
    said: list[str] = []
    async with desk_broker(0, "mosquitto") as broker:
        found = await run_guests(tmp_path, broker_endpoint(broker), 2, said.append, short=True)
    assert found.good, asdict(found)
    assert [(one.guest, one.model) for one in found.visits] == MODELS
    assert found.edits_back == 2
    assert found.canaries_found == 0
    assert found.bytes_searched > 1_000_000
    assert found.residual_mm <= 2
    assert found.fields["applied"] >= 40
    assert sum(found.fields.values()) == sum(len(one.outcomes) for one in found.visits)
    assert all(set(one.reasons) <= set(one.outcomes) for one in found.visits)
    (clash,) = found.conflicts
    assert (clash.field, clash.kept) == ("climate.driver.temperature_c", "phone")
    assert sum("0 traces left" in line for line in said) == 3
    assert not any("Musterweg" in line for line in said)
    assert "Musterweg" not in json.dumps(asdict(found))


async def test_how_many_guests_there_are(tmp_path: Path) -> None:
    """None or five are refused before anything is begun."""
    async with desk_broker(0, "auto") as broker:
        for count in (0, 5):
            with pytest.raises(ConfigError, match="1 to 4"):
                await run_guests(tmp_path, broker_endpoint(broker), count, lambda _: None)


def a_visit() -> GuestsTally:
    """The figures of one guest with whom all went well."""
    books = Books(9, 9, 0, 0, 0, 0, 0)
    visit = Visit("Jan", "suv", 80.0, 0.4, {"home.address": "applied", "seat.leg_mm": "clamped"}, {})
    return tally([visit], [], 1, 1, 0, 1_000, [books], 0, 0)


def test_a_visit_that_went_wrong_is_not_good() -> None:
    """Each flaw spoils the verdict of the guests, and that of the whole demonstration."""
    whole = a_visit()
    assert whole.good
    assert whole.fields == {"applied": 1, "clamped": 1}
    drive, link = DriveTally("road", 1, 1, 1.0), LinkTally("broker", "none")
    books, outage = Books(3, 3, 0, 0, 0, 0, 0), OutageTally(0, None, None)
    report = DemoReport(books, CloudTally(3, 0, 0), outage, drive, link, profile=whole)
    assert report.good
    assert report.lines()[-1] == "verdict  the books balance: 0 lost, 0 duplicates"
    flaws: list[dict[str, object]] = [
        {"canaries_found": 1}, {"edits_back": 0}, {"unsettled": 1}, {"duplicates": 1}, {"unexplained_gaps": 1},
        {"fields": {"failed": 1}},
    ]  # fmt: skip
    for flaw in flaws:
        spoiled = replace(whole, **flaw)  # type: ignore[arg-type]
        assert not spoiled.good, flaw
        assert not replace(report, profile=spoiled).good, flaw
    lost = replace(report, profile=replace(whole, unexplained_gaps=2, duplicates=1))
    assert lost.lines()[-1] == "verdict  the books balance: 2 lost, 1 duplicates"
    waiting = Books(9, 8, 1, 0, 0, 0, 0)
    assert tally(whole.visits, [], 1, 1, 0, 0, [waiting], 0, 0).unsettled == 1


def test_two_stories_are_not_told_at_once() -> None:
    """The verb says which to leave out, and how many guests there may be."""
    done = CliRunner().invoke(demo, ["--showroom", "--guests", "2"])
    assert (done.exit_code, "leave out one" in done.output) == (2, True)
    assert CliRunner().invoke(demo, ["--guests", "5"]).exit_code == 2


def test_what_is_left_behind_is_found(tmp_path: Path) -> None:
    """In a file, however deep, and in a log of any level; others hear as much as before."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "store").write_bytes(b"\0" * 100 + b"needle")
    (tmp_path / "a" / "other").write_bytes(b"hay")
    assert search(tmp_path, b"needle") == (109, 1)
    root = logging.getLogger("forecourt")
    other, before = logging.StreamHandler(), root.level
    root.addHandler(other)
    try:
        with Heard().listening() as heard:
            Log("profile").debug("profile_seen", word="needle")
            assert other.level >= logging.INFO
    finally:
        root.removeHandler(other)
    assert (other.level, root.level) == (logging.NOTSET, before)
    assert any(b"needle" in line for line in heard.lines)
