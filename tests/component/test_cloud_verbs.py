"""`forecourt cloud` as people call it, beside a running service; must never call its functions instead."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from gateway.cloud.certify import forge
from gateway.identity import Identity
from gateway.identity.keystore import load
from gateway.identity.pki import Pki, make_dev_pki
from tests.kit.broker import free_port, mosquitto
from tests.kit.sites import player

pytestmark = pytest.mark.needs_mosquitto
CAR, OTHER = "car-1", "car-2"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Keys of a cloud and two devices."""
    return make_dev_pki(tmp_path_factory.mktemp("pki"), [CAR, OTHER])


@pytest.fixture(scope="module")
def cars(pki: Pki) -> list[Identity]:
    """The two devices."""
    return [load(pki.device(device)) for device in (CAR, OTHER)]


async def run_verb(*words: object, code: int = 0) -> str:
    """What `forecourt cloud …` prints; it must end with this exit code."""
    start = [sys.executable, "-c", "from gateway.cli import main; main()", "cloud", *map(str, words)]
    process = await asyncio.create_subprocess_exec(
        *start, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert process.returncode == code, out.decode()
    return out.decode()


async def fetch(port: int, path: str) -> str:
    """A page of the health server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    page = await reader.read()
    writer.close()
    await writer.wait_closed()
    return page.decode()


@pytest.mark.timeout(90)
async def test_the_verbs_beside_a_running_service(pki: Pki, cars: list[Identity], tmp_path: Path) -> None:
    """run, certify, tail, gaps, fleet and explain, as people call them; SIGTERM ends run with code 0."""
    db = tmp_path / "cloud.db"
    async with mosquitto() as broker:
        port = free_port()
        serve = ["run", "--identity", pki.cloud, "--broker", broker.url, "--db", db, "--health-port", port]
        start = [sys.executable, "-c", "from gateway.cli import main; main()", "cloud", *map(str, serve)]
        process = await asyncio.create_subprocess_exec(*start, stderr=asyncio.subprocess.PIPE)
        try:
            assert process.stderr is not None
            while b"cloud_online" not in (line := await process.stderr.readline()):
                assert line
            python = "from gateway.cli import main; main()"
            query = f"{sys.executable} -c '{python}' cloud explain {{device}}/{{epoch}}/{{stream}} --count --db {db}"
            options = ["--broker", broker.url, "--devices", pki.folder / "devices", "--patience", 15]
            graded = await run_verb("certify", *options, "--json", "--query", query)
            assert all(json.loads(line)["passed"] for line in graded.splitlines())
            async with player(cars[0], broker.endpoint()) as car:
                await car.send(forge.bag(1, 10))
                await car.send(forge.bag(21, 5))
                assert await car.until_held(10, (21, 25)) == ""
            place = f"{CAR}/{car.epoch}/live"
            assert "Vehicle.Speed=25.0" in (await run_verb("tail", "--db", db, "-n", 1)).splitlines()[-1]
            assert json.loads(await run_verb("tail", "--db", db, "-n", 1, "--json"))["values"]["Vehicle.Speed"] == 25.0
            gaps = await run_verb("gaps", "--db", db, "--device", CAR, code=1)  # certify's epochs are over
            assert f"{place}: 15 of 25 accounted for\n  11-20 open" in gaps
            assert "unexplained" in gaps
            assert "\nforecourt_cloud_devices_online 2\n" in await fetch(port, "/metrics")
            assert 'forecourt_cloud_put_aside_total{reason="signature"}' in await fetch(port, "/metrics")
            assert (await fetch(port, "/ready")).startswith("HTTP/1.1 200")
            assert f"{CAR} online" in await run_verb("fleet", "--db", db)
            assert (await run_verb("explain", f"{place}/3", "--db", db)).startswith("delivered at ")
            assert (await run_verb("explain", f"{place}/11", "--db", db)).startswith("open: ")
            assert "is not DEVICE/EPOCH" in await run_verb("explain", "nonsense", "--db", db, code=2)
            assert "cannot be read" in await run_verb("gaps", "--db", tmp_path / "nowhere.db", code=1)
        finally:
            process.terminate()
            await process.communicate()
        assert process.returncode == 0
