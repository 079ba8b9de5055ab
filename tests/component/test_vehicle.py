"""The vehicle agent beside a databroker: restarts, tokens that come late, bad values, and the command as a process."""

import asyncio
import json
import math
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner
from forecourt.kuksa.v2 import val_pb2 as v2

from gateway.cli import main
from gateway.identity.pki import make_dev_pki
from gateway.model import ValueType
from tests.kit.scripted_kuksa import SPEED, ScriptedKuksa, message, scripted_kuksa
from tests.kit.vehicles import Shelf, running, until
from vehicle_agent.kuksa import KuksaSource

PLAN = """[[event]]
name = "speed"
signals = ["Vehicle.Speed"]
on_change = true
purposes = ["driving_behaviour"]
[[event]]
name = "steering"
signals = ["Vehicle.Chassis.SteeringWheel.Angle"]
on_change = true
purposes = ["driving_behaviour"]
"""


def speeds(shelf: Shelf) -> list[object]:
    """The first value of each event."""
    return [event.values[0] for event in shelf.events]


async def test_the_agent_survives_restarts_of_the_databroker() -> None:
    """It comes back by itself, with other ids and another type; what was appended before stays."""
    async with scripted_kuksa() as server:
        shelf = Shelf()
        await server.show(message(Speed=1.0))
        async with running(KuksaSource(server.settings()), shelf, PLAN) as agent:
            await until(lambda: speeds(shelf) == [1.0])
            await server.stop()
            await until(lambda: not agent.status().connected)
            assert "unavailable" in agent.status().trouble
            server.entries[SPEED].data_type = v2.DATA_TYPE_INT32
            await server.start()
            await until(lambda: server.streams == 1)
            await server.show(message(Speed=7))
            await until(lambda: speeds(shelf) == [1.0, 7])
            assert shelf.events[-1].kind.signals[0].type is ValueType.INT
            assert agent.status().connected


async def test_bad_values_stop_nobody() -> None:
    """NaN, endless numbers, wrong types, no value, dates of 2060 and 1970: counted, and the rest is told."""
    async with scripted_kuksa() as server:
        shelf = Shelf()
        await server.show(message(Speed=1.0))
        async with running(KuksaSource(server.settings()), shelf, PLAN) as agent:
            await until(lambda: server.streams == 1)
            for bad in (math.nan, math.inf, -math.inf, True, "fast", [1, 2], None):
                await server.show(message(Speed=bad))
            server.garble(b"\xff\xff\xff")
            await server.show(message(2_840_000_000, Speed=2.0))
            await server.show(message(5, Speed=3.0))
            await server.show(message(None, Speed=4.0))
            await until(lambda: len(shelf.events) == 4)
            assert speeds(shelf) == [1.0, 2.0, 3.0, 4.0]
            assert [event.ts_us for event in shelf.events[1:3]] == [2_840_000_000_000_000, 5_000_000]
            counters = agent.status().counters
            assert {name: counters[name] for name in ("nan", "out_of_range", "wrong_type", "value_gone")} == {
                "nan": 1,
                "out_of_range": 2,
                "wrong_type": 2,
                "value_gone": 1,
            }
            assert (counters["implausible_time"], counters["undated"], counters["unreadable"]) == (2, 1, 1)


async def test_a_token_that_comes_late(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without a token the agent says what to do and keeps trying; scopes that are missing are named by signal."""
    token = tmp_path / "token"
    async with scripted_kuksa() as server:
        shelf = Shelf()
        server.token = "good"
        server.add("Vehicle.Chassis.SteeringWheel.Angle", v2.DATA_TYPE_INT16)
        server.denied = {"Vehicle.Chassis.SteeringWheel.Angle": grpc.StatusCode.PERMISSION_DENIED}
        async with running(KuksaSource(server.settings(token=token)), shelf, PLAN) as agent:
            await until(lambda: "cannot be read" in agent.status().trouble)
            token.write_text("bad")
            await until(lambda: "give a valid one in databroker.token" in agent.status().trouble)
            token.write_text("good")
            await until(lambda: server.streams == 1)
            await server.show(message(Speed=1.0))
            await until(lambda: len(shelf.events) == 1)
            assert agent.status().missing == {
                "Vehicle.Chassis.SteeringWheel.Angle": "may not be read: the token lacks the scope "
                "read:Vehicle.Chassis.SteeringWheel.Angle"
            }
    told = [str(record.__dict__) for record in caplog.records if record.msg == "signal_missing"]
    assert len(told) == 1
    assert "plan.toml:8: event[2].signals[1]" in told[0]


def test_plan_verbs(tmp_path: Path) -> None:
    """A plan can be shown, checked, and checked against a databroker; each outcome has its exit code."""
    shown = CliRunner().invoke(main, ["vehicle", "plan", "show"])
    plan = tmp_path / "plan.toml"
    plan.write_text(shown.output)
    checked = CliRunner().invoke(main, ["vehicle", "plan", "check", str(plan)])
    assert (checked.exit_code, "good; 21 events of 40 signals" in checked.output) == (0, True)
    plan.write_text(shown.output.replace("on_change = true", "on_change = 1", 1))
    checked = CliRunner().invoke(main, ["vehicle", "plan", "check", str(plan)])
    assert (checked.exit_code, "on_change: is 1; write true or false" in checked.output) == (2, True)
    plan.write_text(PLAN)

    async def story() -> tuple[bytes, int | None]:
        async with scripted_kuksa() as server:
            command = [sys.executable, "-m", "gateway", "vehicle", "plan", "check", str(plan)]
            check = await asyncio.create_subprocess_exec(
                *command, "--databroker", f"127.0.0.1:{server.port}", stdout=PIPE
            )
            return (await check.communicate())[0], check.returncode

    told, code = asyncio.run(story())
    assert (
        b"plan.toml:8: event[2].signals[1]: Vehicle.Chassis.SteeringWheel.Angle is not known to the databroker" in told
    )
    assert code == 1


CONFIG = """role = "vehicle"
[device]
id = "car-1"
identity = "pki/devices/car-1"
[store]
folder = "store"
bytes_max = 4_194_304
[link]
broker = "mqtt://127.0.0.1:1"
[consent]
subject = 7
[[consent.grant]]
purposes = ["driving_behaviour"]
[vehicle]
plan = "plan.toml"
[health]
port = 0
[log]
json = true
"""


async def page(port: int, path: str) -> str:
    """What the health page answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


async def counted(port: int, line: str) -> str:
    """The metrics, once they have that line."""
    async with asyncio.timeout(15):
        while line not in (metrics := await page(port, "/metrics")):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    return metrics


async def test_the_command_runs_and_ends(tmp_path: Path) -> None:
    """`forecourt vehicle run` reads, keeps, tells its health, and exits within 5 s of SIGTERM."""
    await asyncio.to_thread(make_dev_pki, tmp_path / "pki", ["car-1"])
    (tmp_path / "plan.toml").write_text(PLAN)
    config = tmp_path / "car.toml"
    config.write_text(CONFIG)
    server = ScriptedKuksa()
    await server.start()
    await server.show(message(Speed=1.0))
    command = [sys.executable, "-m", "gateway", "vehicle", "run", "--config", str(config)]
    command += ["--databroker", f"127.0.0.1:{server.port}"]
    environ = os.environ | {"FORECOURT_LOG__LEVEL": "debug"}
    process = await asyncio.create_subprocess_exec(*command, stderr=PIPE, env=environ)
    try:
        assert process.stderr is not None
        port = 0
        async with asyncio.timeout(20):
            while not port:
                event = json.loads(await process.stderr.readline())
                port = event["port"] if event["event"] == "health_page" else 0
        await counted(port, 'forecourt_events_total{stream="live",fate="appended"} 1\n')
        await server.show(message(Speed=2.0))
        metrics = await counted(port, 'forecourt_events_total{stream="live",fate="appended"} 2\n')
        assert 'forecourt_books_balanced{stream="live"} 1\n' in metrics
        assert "forecourt_source_connected 1\n" in metrics
        assert " 200 OK" in await page(port, "/live")
        ready = await page(port, "/ready")
        assert " 503 " in ready
        assert '"source": "ok"' in ready
        asked_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest, code = await process.stderr.read(), await process.wait()
        assert (code, time.monotonic() - asked_s < 5.0) == (0, True), rest.decode()
        assert b"Traceback" not in rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await server.stop()


def test_the_command_refuses_bad_settings(tmp_path: Path) -> None:
    """All mistakes, exit code 2, nothing started."""
    config = tmp_path / "car.toml"
    config.write_text(CONFIG.replace('"car-1"', '"car 1"', 1).replace("subject = 7", "subject = -7"))
    told = CliRunner().invoke(main, ["vehicle", "run", "--config", str(config)])
    assert (told.exit_code, told.output.count("car.toml:")) == (2, 2)
    config.write_text(CONFIG.replace('broker = "mqtt:', 'broker = "http:'))
    told = CliRunner().invoke(main, ["vehicle", "run", "--config", str(config)])
    assert "write mqtts://HOST:PORT" in told.output
    config.write_text(CONFIG + "[source]\nanything = 1\n")
    (tmp_path / "plan.toml").write_text(PLAN)
    named = config.read_text().replace("[vehicle]", '[vehicle]\nsource = "kuska"')
    config.write_text(named)
    told = CliRunner().invoke(main, ["vehicle", "run", "--config", str(config)])
    assert (told.exit_code, "did you mean kuksa?" in told.output) == (2, True)
