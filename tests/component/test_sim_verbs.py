"""Proves `forecourt sim` as processes: they say where they are, do their work, and end when they are told."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from click.testing import CliRunner
from kuksa_client.grpc.aio import VSSClient

from gateway.cli import main
from tests.kit.databrokers import SPEED, codes, following, plain

ROWS = f"field,signal,value,delay\ncurrent,{SPEED},10,0.2\ncurrent,{SPEED},nan,0.2\ncurrent,{SPEED},30,0.2\n"


@asynccontextmanager
async def verb(*words: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, asyncio.StreamReader]]:
    """`forecourt sim …` as a process; ended at last, if it has not ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "sim", *words, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process, process.stdout
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line(out: asyncio.StreamReader) -> str:
    """The next line that it says."""
    return (await asyncio.wait_for(out.readline(), 20)).decode().strip()


async def told_to_end(process: asyncio.subprocess.Process) -> int:
    """Its exit code after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    return await asyncio.wait_for(process.wait(), 5)


async def test_the_databroker_plays_a_recording_once(tmp_path: Path) -> None:
    """The stock client sees it; rows that cannot be read are named; it ends with the drive."""
    file = tmp_path / "drive.csv"
    file.write_text(ROWS, "utf-8")
    async with verb("databroker", "--port", "0", "--replay", str(file), "--once", "--speed", "0.5") as (process, out):
        port = int((await line(out)).split(":")[1])
        assert await line(out) == "playing drive.csv: 0.4 s at 0.5 x"
        assert await line(out) == "left out line 3: value"
        async with VSSClient("127.0.0.1", port) as client, following(client.subscribe_current_values([SPEED])) as seen:
            values = []
            while 30.0 not in values:
                values.append(plain(await asyncio.wait_for(seen.get(), 10))[SPEED])
        assert await asyncio.wait_for(process.wait(), 10) == 0
        assert "2 readings played, 2 published" in await line(out)


async def test_a_token_of_the_desk_opens_the_databroker(tmp_path: Path) -> None:
    """`sim token` makes the key; without a token nothing is told; SIGTERM ends it."""
    key = tmp_path / "desk.key"
    asked = await asyncio.to_thread(CliRunner().invoke, main, ["sim", "token", str(key), "read:Vehicle.Speed"])
    assert (asked.exit_code, key.stat().st_mode & 0o777) == (0, 0o600)
    words = ("databroker", "-p", "0", "--no-drive", "--token-key", f"{key}.pub")
    async with verb(*words) as (process, out):
        port = int((await line(out)).split(":")[1])
        async with VSSClient("127.0.0.1", port, ensure_startup_connection=False) as client:
            async with following(client.subscribe_current_values([SPEED])) as seen:
                assert codes(await asyncio.wait_for(seen.get(), 10)) == {16}
            await client.authorize(asked.output.strip())
            assert await client.get_current_values([SPEED]) == {SPEED: None}
        assert await told_to_end(process) == 0


@pytest.mark.needs_mosquitto
async def test_a_broker_behind_a_proxy_that_is_cut() -> None:
    """A message passes; after its script the proxy refuses; both end when they are told."""
    async with verb("broker", "--port", "0") as (broker, says):
        port = int((await line(says)).split("mqtt://127.0.0.1:")[1].split(";")[0])
        async with verb("proxy", f"127.0.0.1:{port}", "--latency", "5", "--at", "1.5", "cut") as (proxy, out):
            near = int((await line(out)).split("proxy on 127.0.0.1:")[1].split()[0])
            async with aiomqtt.Client("127.0.0.1", near, protocol=aiomqtt.ProtocolVersion.V5) as client:
                await client.subscribe("a")
                await client.publish("a", b"x", 1)
                assert (await asyncio.wait_for(anext(aiter(client.messages)), 5)).payload == b"x"
            assert await line(out) == "cut"
            with pytest.raises(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", near, timeout=2):
                    pass
            assert await told_to_end(proxy) == 0
        assert await told_to_end(broker) == 0


@pytest.mark.needs_mosquitto
@pytest.mark.parametrize("prefer", ["mosquitto", "iotcore"])
async def test_a_broker_goes_with_who_started_it(prefer: str) -> None:
    """Even when that was killed: nothing keeps the port."""
    async with verb("broker", "--port", "0", "--prefer", prefer) as (process, out):
        port = int((await line(out)).split("mqtt://127.0.0.1:")[1].split(";")[0])
        process.kill()
        await process.wait()
    async with asyncio.timeout(10):
        while await answers(port):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.02)


async def answers(port: int) -> bool:
    """Whether somebody listens."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.transport.abort()
    return True


async def test_a_drive_is_shown_and_written(tmp_path: Path) -> None:
    """The packaged one at a glance; a recording written again is the same, without its bad rows."""
    file, copy = tmp_path / "drive.csv", tmp_path / "copy.csv"
    file.write_text(ROWS, "utf-8")

    def run(*words: str) -> list[str]:
        result = CliRunner().invoke(main, ["sim", "drive", *words])
        assert result.exit_code == 0, result.output
        return result.output.splitlines()

    packaged = await asyncio.to_thread(run, "--seed", "3")
    assert packaged[0].startswith("WLTC Class 3b: ")
    assert len(packaged) > 30
    first = await asyncio.to_thread(run, "--replay", str(file), "--out", str(copy))
    again = await asyncio.to_thread(run, "--replay", str(copy))
    assert first == ["drive.csv: 2 readings of 1 signals in 0.4 s", again[1], "left out line 3: value"]
    assert again[0] == "copy.csv: 2 readings of 1 signals in 0.4 s"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["databroker", "--vss", __file__], "not JSON"),
        (["databroker", "--replay", __file__], "field,signal,value,delay"),
        (["databroker", "--token-key", __file__], "no public key"),
        (["proxy", "nowhere"], "HOST:PORT"),
        (["proxy", "127.0.0.1:1", "--at", "1", "fire"], "say cut, heal"),
        (["fleet", "--broker", "mqtt://127.0.0.1:1"], "both --broker and --pki"),
        (["token", __file__, "read"], "no private key"),
    ],
)
def test_mistakes_are_told_in_words(words: list[str], why: str) -> None:
    """Exit code 2 and what to do, never a trace."""
    result = CliRunner().invoke(main, ["sim", *words])
    assert result.exit_code == 2
    assert why in result.output
    assert "Traceback" not in result.output


def test_every_verb_teaches() -> None:
    """Help with an example or a place to look."""
    for name in ("databroker", "drive", "proxy", "broker", "fleet", "token"):
        result = CliRunner().invoke(main, ["sim", name, "--help"])
        assert result.exit_code == 0
        assert "forecourt sim" in result.output or "deploy/mosquitto" in result.output
