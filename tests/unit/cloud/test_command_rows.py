"""What commands leave behind at the cloud; must never grow with each answer to a profile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.clock import ManualClock
from gateway.cloud import Inbox
from gateway.cloud import commands as rooms
from gateway.cloud.commands import Commander


@asynccontextmanager
async def commander(folder: Path) -> AsyncIterator[tuple[Commander, Inbox, ManualClock]]:
    """One without a connection."""
    clock = ManualClock()
    inbox = await Inbox.open(folder / "cloud.db", lambda _device: None, clock=clock)
    try:
        key = Ed25519PrivateKey.generate()
        yield Commander(inbox, key, clock, lambda _topic, _payload, _expiry_s: None), inbox, clock
    finally:
        await inbox.aclose()


async def bodies(inbox: Inbox) -> list[bytes]:
    """Of all commands, by device, oldest first."""
    query = "select body from command order by device, counter"
    return await inbox.read(lambda db: [bytes(row[0]) for row in db.execute(query)])


async def test_what_can_be_sent_no_more_is_not_kept(tmp_path: Path) -> None:
    """Answered or expired: its body goes with the next command to that device; what waits keeps its own."""
    async with commander(tmp_path) as (one, inbox, clock):
        await one.issue("car-1", "profile.answer", b"sealed", life_s=30)
        answered = await one.issue("car-1", "profile.stage", b"staged", life_s=600)
        await one.issue("car-1", "profile.stage", b"waits", life_s=600)
        await one.issue("car-2", "profile.answer", b"another's", life_s=30)
        await inbox.write(lambda db: db.execute("update command set stage = 1 where id = ?", (answered,)))
        clock.advance(31)
        await one.issue("car-1", "profile.answer", b"new", life_s=30)
        assert await bodies(inbox) == [b"", b"", b"waits", b"new", b"another's"]


async def test_so_many_commands_of_a_device_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest that are over go with their answers; one that waits stays, however old."""
    monkeypatch.setattr(rooms, "CLOUD_COMMANDS_MAX", 5)
    async with commander(tmp_path) as (one, inbox, clock):
        waits = await one.issue("car-1", "profile.stage", b"waits", life_s=86_400)
        first = await one.issue("car-1", "profile.answer", b"", life_s=1)
        await inbox.write(lambda db: db.execute("insert into reply values (?, 4, 'late', x'', 1)", (first,)))
        for _ in range(10):
            clock.advance(2)
            await one.issue("car-1", "profile.answer", b"", life_s=1)
        kept = await inbox.read(lambda db: [row[0] for row in db.execute("select id from command order by counter")])
        assert (kept[0], len(kept)) == (waits, 6)
        assert await one.replies(first) == []
