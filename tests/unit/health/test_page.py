"""The health page over a real socket: what it answers, and what it does not let a caller do."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.errors import ConfigError, StoreError
from gateway.health import Health
from gateway.health import page as page_module
from tests.unit.health.test_registry import one, parsed


@asynccontextmanager
async def served(health: Health) -> AsyncIterator[Health]:
    """The page, running."""
    async with health, asyncio.TaskGroup() as group:
        task = group.create_task(health.run())
        await asyncio.sleep(0)
        yield health
        task.cancel()


async def asked(health: Health, raw: bytes, end: bool = False) -> tuple[int, dict[str, str], str]:
    """Sends bytes, reads the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", health.port)
    writer.write(raw)
    if end:
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.decode().partition("\r\n\r\n")
    first, *headers = head.split("\r\n")
    return int(first.split(" ")[1]), dict(line.split(": ", 1) for line in headers), body


def get(path: str, method: str = "GET") -> bytes:
    """A request as a browser sends it."""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".encode()


async def test_live_and_ready() -> None:
    """Both answer 200 while all is well, 503 with the reason when a check fails; ready includes live."""
    async with served(Health()) as health:
        status, headers, body = await asked(health, get("/live"))
        assert (status, json.loads(body)) == (200, {"status": "ok", "checks": {"loop": "ok"}})
        assert headers["Content-Type"] == "application/json"
        health.ready["link"] = lambda: "offline for 9 s"
        assert (await asked(health, get("/live")))[0] == 200
        status, _, body = await asked(health, get("/ready"))
        assert (status, json.loads(body)["checks"]["link"]) == (503, "offline for 9 s")
        health.live["writer"] = lambda: "the disk refuses"
        assert (await asked(health, get("/live")))[0] == 503


async def test_metrics() -> None:
    """Collectors run first; one that fails is counted and the page is shown without it."""
    async with served(Health()) as health:
        depth = health.registry.gauge("forecourt_depth", "Depth")

        async def fails() -> None:
            raise StoreError("the disk refuses")

        async def collects() -> None:
            depth.set(7)

        health.collectors += [fails, collects]
        status, headers, body = await asked(health, get("/metrics?x=1"))
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        _, samples = parsed(body)
        assert one(samples, "forecourt_depth") == 7
        assert one(samples, "forecourt_collect_failures_total") == 1


async def test_only_reading() -> None:
    """HEAD has the same head without a body; other methods are 405, other paths 404."""
    async with served(Health()) as health:
        status, headers, body = await asked(health, get("/live", "HEAD"))
        assert (status, body) == (200, "")
        assert int(headers["Content-Length"]) > 0
        status, headers, _ = await asked(health, get("/live", "POST"))
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
        assert (await asked(health, get("/")))[0] == 404
        assert (await asked(health, get("/live/../metrics")))[0] == 404


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET /live\r\n\r\n", 400),
        (b"GET /live HTTP/1.1\r\nno header\r\n\r\n", 400),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET /" + b"x" * 3_000 + b" HTTP/1.1\r\n\r\n", 400),
        (b"x" * 20_000, 431),
    ],
)
async def test_bad_requests(raw: bytes, status: int) -> None:
    """Other protocols, half lines and floods get an answer, and the page goes on."""
    async with served(Health()) as health:
        try:
            assert (await asked(health, raw))[0] == status
        except ConnectionResetError:
            assert status == 431  # what was not read turns the end into a reset
        assert (await asked(health, get("/live")))[0] == 200


async def test_callers_that_leave_or_stay_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a request and silence end in time; the number of callers at once is bounded."""
    monkeypatch.setattr(page_module, "REQUEST_TIMEOUT_S", 0.05)
    async with served(Health()) as health:
        assert (await asked(health, b"GET /live HTT"))[0] == 408
        _, writer = await asyncio.open_connection("127.0.0.1", health.port)
        writer.write(b"GET /live HTT")
        writer.close()
        await writer.wait_closed()
        assert (await asked(health, get("/live")))[0] == 200
        monkeypatch.setattr(page_module, "CONNECTIONS_MAX", 0)
        with pytest.raises((ConnectionResetError, IndexError)):
            await asked(health, get("/live"))


async def test_a_slow_collector_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that hangs costs its time-out, and is counted."""
    monkeypatch.setattr(page_module, "COLLECT_TIMEOUT_S", 0.05)
    async with served(Health()) as health:
        health.collectors.append(asyncio.Event().wait)  # type: ignore[arg-type]
        _, samples = parsed((await asked(health, get("/metrics")))[2])
        assert one(samples, "forecourt_collect_failures_total") == 1


async def test_a_port_that_is_taken() -> None:
    """Says which address, and what to do; without a port nothing is bound."""
    async with Health() as first:
        with pytest.raises(ConfigError, match=r"cannot be bound .*choose another health.port"):
            await Health(port=first.port).__aenter__()
    async with served(Health(port=None)) as silent:
        assert silent.port is None


async def test_a_loop_that_never_began_is_not_live() -> None:
    """Before `run`, and when the beat stops, the loop's check says so."""
    health = Health(port=None)
    assert health.live["loop"]() == "has not begun"
    health._beat_s = asyncio.get_running_loop().time() - 60
    assert health.live["loop"]() == "no beat for 60 s"
