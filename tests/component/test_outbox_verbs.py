"""`forecourt outbox` beside a running agent, in a process of its own."""

import asyncio
import csv
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.consent import Grant
from gateway.model import GapReason, Stream, purpose_set
from tests.component.devices import DRIVING, GUEST, Device, device, kind, marked

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Device]:
    """A device that holds 30 events of a guest, of which one bag of 10 was set apart."""
    async with device(tmp_path / "car") as one:
        await one.consent.grant([Grant(GUEST, DRIVING)])
        driving = kind(one, purpose_set([DRIVING]))
        for start in (0, 10, 20):
            await one.outbox.append_many([marked(driving, GUEST, start + number) for number in range(10)])
        await one.outbox.quarantine(Stream.LIVE, [11], GapReason.QUARANTINED)
        yield one


async def forecourt(*arguments: str | Path, code: int = 0) -> str:
    """What the command says."""
    command = [sys.executable, "-m", "gateway", "outbox", *map(str, arguments)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


async def lines(*arguments: str | Path) -> list[dict[str, Any]]:
    """Its JSON lines."""
    return [json.loads(line) for line in (await forecourt(*arguments)).splitlines()]


async def test_stats_count_what_the_agent_counts(running: Device) -> None:
    """The books from outside are those from inside, and the agent goes on afterwards."""
    folder = running.store.folder
    (look,) = await lines("stats", folder, "--json")
    books = await running.outbox.books_by_stream()
    live = next(one for one in look["streams"] if one["stream"] == "live")
    assert look["device"] == "d1"
    assert live["books"]["pending"] == books[Stream.LIVE].pending == 20
    assert live["books"]["quarantined"] == 10
    assert look["quarantined_bags"] == 1
    text = await forecourt("stats", folder)
    assert "books balance: appended = settled + pending" in text
    assert (await running.outbox.append(marked(kind(running, purpose_set([DRIVING])), GUEST, 99))).kept == 1


async def test_peek_and_gaps_name_numbers_and_no_guest(running: Device) -> None:
    """Bags and losses by number; neither values nor the handle of a guest."""
    bags = await lines("peek", running.store.folder, "--stream", "live", "--json")
    assert [(bag["first"], bag["last"]) for bag in bags] == [(1, 10), (21, 30)]
    assert bags[0]["purposes"] == ["driving_behaviour"]
    assert "subject" not in bags[0]
    assert len(await lines("peek", running.store.folder, "--after", "10", "--limit", "1", "--json")) == 1
    (gap,) = await lines("gaps", running.store.folder, "--json")
    assert (gap["stream"], gap["first"], gap["last"], gap["reason"]) == ("live", 11, 20, "quarantined")
    assert "11..20" in await forecourt("gaps", running.store.folder)


async def test_export_opens_bags_only_when_asked(running: Device) -> None:
    """Without --values there is metadata; with it the events, from the keyring of the folder."""
    folder = running.store.folder
    assert not any("values" in row for row in await lines("export", folder))
    events = await lines("export", folder, "--values", "--stream", "live", "--after", "22")
    assert [event["seq"] for event in events] == list(range(23, 31))
    assert events[0]["values"] == {"Vehicle.Speed": "marker-driving_behaviour-000022"}
    control = await lines("export", folder, "--values", "--stream", "control")
    assert control[0]["values"]["gap"]["reason"] == "GAP_REASON_QUARANTINED"
    rows = list(csv.DictReader((await forecourt("export", folder, "--values", "--format", "csv")).splitlines()))
    assert len(rows) == 21
    assert json.loads(rows[0]["values"]) == {"Vehicle.Speed": "marker-driving_behaviour-000000"}


async def test_a_destroyed_key_leaves_nothing_to_export(running: Device) -> None:
    """After a withdrawal neither rows nor keys are there."""
    await running.revocation.withdraw(GUEST, purpose_set([DRIVING]))
    assert await lines("export", running.store.folder, "--values", "--stream", "live") == []


async def test_a_folder_without_a_store_is_said_in_words(tmp_path: Path) -> None:
    """No trace, but what is missing."""
    assert "no store in" in await forecourt("stats", tmp_path, code=2)
