"""The consent authority at the door of the cloud kit, as a process, by the command that staff and apps use."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.door import ask
from gateway.errors import InputError
from gateway.identity.pki import make_dev_pki
from simulators.brokers import free_port
from tests.kit.broker import mosquitto
from tests.kit.doors import opened

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]
VISIT = "00000000000000ab"


@asynccontextmanager
async def cloud_at(folder: Path) -> AsyncIterator[Path]:
    """`forecourt cloud run` with a door."""
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", ["car-1"])
    door = folder / "door"
    async with mosquitto(port=free_port()) as broker:
        words = ["cloud", "run", "--identity", str(pki.cloud), "--broker", f"mqtt://{broker.host}:{broker.port}"]
        words += ["--db", str(folder / "cloud.db"), "--door", str(door), "--courier", str(folder / "mail")]
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway", *words)
        try:
            await opened(door)
            yield door
        finally:
            process.terminate()
            assert await process.wait() == 0


async def run(door: Path, *arguments: str) -> Result:
    """`forecourt consent …`."""
    return await asyncio.to_thread(CliRunner().invoke, main, ["consent", *arguments, "--door", str(door)])


def row(told: Result, purpose: str) -> dict[str, object]:
    """What an answer says of a purpose."""
    assert told.exit_code == 0, told.output
    found: dict[str, object] = next(one for one in json.loads(told.output)["purposes"] if one["purpose"] == purpose)
    return found


@pytest.mark.may_block  # the command is run in a thread and writes files there
async def test_a_guest_is_served_at_the_clouds_door(tmp_path: Path) -> None:
    """Yes, no, double opt-in, records that verify, export, erasure; who has confirmed."""
    of = ("--subject", VISIT)
    async with cloud_at(tmp_path) as door:
        assert "nothing is known" in (await run(door, "status", *of)).output
        given = await run(door, "grant", "driving_behaviour", "profile", *of, "--scope", "cloud", "--json")
        assert row(given, "driving_behaviour")["state"] == "given"
        assert (await run(door, "withdraw", "driving_behaviour", *of, "--json")).output == '{"version": 2}\n'
        assert row(await run(door, "status", *of, "--json"), "driving_behaviour")["state"] == "withdrawn"
        assert "confirmed over its channel" in (await run(door, "grant", "marketing_email", *of)).output
        asked = await run(door, "request", "marketing_email", *of, "--address", "a@example.com", "--json")
        assert row(asked, "marketing_email")["state"] == "pending_confirmation"
        (letter,) = (tmp_path / "mail").iterdir()
        sent = json.loads(letter.read_text("utf-8"))
        assert (await run(door, "confirm", "marketing_email", "--token", "x" * 20)).exit_code == 2
        assert row(await run(door, "status", *of, "--json"), "marketing_email")["scope"] == "none"
        confirmed = await run(door, "confirm", "marketing_email", "--token", sent["token"], "--json")
        assert row(confirmed, "marketing_email")["state"] == "given"
        assert "to none" in (await run(door, "spread", *of)).output
        folder = tmp_path / "papers"
        names = (await run(door, "receipt", *of, "--folder", str(folder))).output.split()
        assert len(names) == 4
        key = next((tmp_path / "pki").rglob("cloud*.pub*"))
        verify = ["consent", "verify", "--key", str(key), *names]
        good = await asyncio.to_thread(CliRunner().invoke, main, verify)
        assert good.exit_code == 0, good.output
        mine = json.loads((await run(door, "export", *of)).output)
        assert len(mine["records"]) == 4
        assert "a@example.com" not in json.dumps(mine)
        assert (await run(door, "erase", *of, "--yes", "--json")).exit_code == 0
        assert row(await run(door, "status", *of, "--json"), "profile")["state"] == "withdrawn"
        for verb, args, words in (
            ("status", {}, "16 hexadecimal"),
            ("status", {"subject": "ab"}, "16 hexadecimal"),
            ("status", {"subject": "f" * 16}, "16 hexadecimal"),
            ("grant", {"subject": VISIT, "purposes": ["safety"]}, "purposes are"),
            ("grant", {"subject": VISIT, "purposes": ["profile"], "surface": "wall"}, "surfaces are"),
            ("request", {"subject": VISIT, "purposes": ["marketing_phone"]}, "address is"),
            ("hand_over", {"subject": VISIT, "device": "car-1"}, "no such visit"),
        ):
            with pytest.raises(InputError, match=words):
                await asyncio.to_thread(ask, door, verb, args)
