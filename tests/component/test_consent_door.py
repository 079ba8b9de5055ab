"""A guest's visit through the door of an agent without a network, by the command that people and apps use."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.clock import ManualClock
from gateway.config import settings_of
from gateway.door import ask
from gateway.errors import InputError
from gateway.identity.keystore import load
from gateway.identity.pki import make_dev_pki
from gateway.link import Endpoint
from gateway.model import Event, Purpose, Stream, ValueType
from gateway.runtime import Agent, AgentOptions, options_of
from simulators.brokers import free_port
from tests.kit.doors import opened


@asynccontextmanager
async def agent_at(folder: Path) -> AsyncIterator[tuple[Agent, Path]]:
    """An agent that reaches nobody, with a door."""
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", ["car-1"])
    door = folder / "door"
    await asyncio.to_thread((folder / "store").mkdir)
    options = AgentOptions(
        identity=await asyncio.to_thread(load, pki.device("car-1")),
        folder=folder / "store",
        endpoint=Endpoint("127.0.0.1", free_port()),
        clock=ManualClock(),
        store_bytes_max=8 << 20,
        authority=True,
        door=door,
    )
    async with Agent.open(options) as agent, asyncio.TaskGroup() as group:
        task = group.create_task(agent.run())
        await opened(door)
        try:
            yield agent, door
        finally:
            task.cancel()


async def run(door: Path, *arguments: str) -> Result:
    """`forecourt consent …` as another process would run it."""
    return await asyncio.to_thread(CliRunner().invoke, main, ["consent", *arguments, "--door", str(door)])


async def told(door: Path, *arguments: str) -> dict[str, object]:
    """Its answer in JSON."""
    done = await run(door, *arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.output)
    return found


async def append(agent: Agent, count: int) -> int:
    """Events about the guest of now."""
    kind = agent.intern_kind(
        "drive", Stream.LIVE, 1 << Purpose.DRIVING_BEHAVIOUR, [("Vehicle.Speed", ValueType.FLOAT, "")]
    )
    at = agent.clock.wall_us(), agent.received_ms()
    return (await agent.append_many([Event(kind, agent.subject, *at, (1.0,))] * count)).kept


@pytest.mark.may_block  # the command is run in a thread and reads files there
async def test_a_visit_from_yes_to_wipe_without_a_network(tmp_path: Path) -> None:
    """Open, yes, status, export, no, erase, end: each answered when it is done."""
    async with agent_at(tmp_path) as (agent, door):
        assert "no visit" in (await run(door, "status")).output
        visit = await told(door, "open", "--surface", "kiosk", "--language", "en")
        assert await append(agent, 3) == 0, "no yes, no byte"
        assert (await run(door, "open")).exit_code == 2
        view = await told(door, "grant", "driving_behaviour", "profile", "--language", "en")
        assert view["subject"] == visit["subject"]
        rows = {row["purpose"]: row for row in view["purposes"]}  # type: ignore[attr-defined]
        assert (rows["driving_behaviour"]["scope"], rows["driving_behaviour"]["asked"]) == ("in_vehicle", "cloud")
        assert not rows["driving_behaviour"]["confirmed"]
        assert rows["usage_analytics"]["scope"] == "none"
        assert await append(agent, 5) == 5
        table = (await run(door, "status")).output
        assert "driving_behaviour    given" in table
        assert "asked for cloud, not confirmed" in table
        assert (await run(door, "left")).output == "nothing has left\n"
        out = tmp_path / "mine.json"
        assert (await run(door, "export", "--out", str(out))).exit_code == 0
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert str(visit["subject"]) in out.read_text("utf-8")
        done = await told(door, "withdraw", "driving_behaviour")
        assert done["purged"] == 5
        assert await append(agent, 3) == 0
        await told(door, "grant", "driving_behaviour")
        assert await append(agent, 2) == 2
        assert (await told(door, "erase", "--yes"))["purged"] == 2
        report = await told(door, "end", "--reason", "guest")
        assert report["canaries_found"] == 0
        assert (await run(door, "receipt")).exit_code == 2
        assert await asyncio.to_thread(ask, door, "session") is None


IMPOSSIBLE: list[tuple[str, dict[str, object], str]] = [
    ("grant", {"purposes": ["mind_reading"]}, "purposes are driving_behaviour"),
    ("grant", {"purposes": ["safety"]}, "purposes are"),
    ("grant", {"purposes": []}, "at least one"),
    ("grant", {"purposes": "profile"}, "at least one"),
    ("grant", {"purposes": ["profile"], "scope": "everywhere"}, "scopes are in_vehicle"),
    ("grant", {"purposes": ["profile"], "surface": "wall"}, "surfaces are"),
    ("grant", {"purposes": ["profile"], "language": "fr"}, "languages are"),
    ("grant", {"purposes": ["marketing_email"]}, "confirmed over its channel"),
    ("grant", {"purposes": ["profile"], "subject": "07"}, "no argument 'subject'"),
    ("withdraw", {"purposes": [7]}, "purposes are"),
    ("end", {"reason": ""}, "reason is a word"),
    ("status", {"x": 1}, "no argument 'x'"),
    ("open", {}, "another guest is here"),
    ("confess", {}, "no such verb"),
]


async def test_what_cannot_be_is_said_in_words(tmp_path: Path) -> None:
    """And changes nothing."""
    async with agent_at(tmp_path) as (_, door):
        await asyncio.to_thread(ask, door, "open")
        for verb, args, words in IMPOSSIBLE:
            with pytest.raises(InputError, match=words):
                await asyncio.to_thread(ask, door, verb, args)
            view = await asyncio.to_thread(ask, door, "status")
            assert {row["scope"] for row in view["purposes"]} == {"none"}


async def test_settings_open_the_door(tmp_path: Path) -> None:
    """consent.authority, consent.lease_s and [door] reach the agent; an authority beside grants is a mistake."""
    pki = await asyncio.to_thread(make_dev_pki, tmp_path / "pki", ["car-1"])
    text = (
        f'role = "vehicle"\n[device]\nid = "car-1"\nidentity = "{pki.device("car-1")}"\n[store]\nfolder = "store"\n'
        '[link]\nbroker = "mqtt://127.0.0.1:1883"\n[consent]\nauthority = "cloud"\nlease_s = 3600\n'
        '[door]\npath = "run/door"\nusers = [1000]\n'
    )
    file = tmp_path / "car.toml"
    await asyncio.to_thread(file.write_text, text, "utf-8")

    def options(more: str = "") -> AgentOptions:
        file.write_text(text + more, "utf-8")
        return options_of(settings_of(file, {}, None)[1], ManualClock())

    found = await asyncio.to_thread(options)
    assert (found.authority, found.lease_s, found.door_users) == (True, 3600, (1000,))
    assert found.door == tmp_path / "run" / "door"
    with pytest.raises(Exception, match="authority"):
        await asyncio.to_thread(options, '[[consent.grant]]\npurposes = ["profile"]\n')
