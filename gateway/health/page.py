"""The local health page: /live, /ready, /metrics; must never change what it looks at, nor wait without a bound."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self, TypeAlias

from gateway.errors import ConfigError, ForecourtError, InputError
from gateway.health.http import HEAD_BYTES_MAX, Answer, Request, answer_bytes, parse_head
from gateway.health.registry import Registry
from gateway.log import Log

CONNECTIONS_MAX: Final = 16
REQUEST_TIMEOUT_S: Final = 5.0
COLLECT_TIMEOUT_S: Final = 2.0
BEAT_S: Final = 1.0
BEAT_LATE_S: Final = 10.0
METRICS = "text/plain; version=0.0.4; charset=utf-8"

Check: TypeAlias = Callable[[], str]
"""Why a part is not well, in words without personal data; empty while it is."""
Collector: TypeAlias = Callable[[], Awaitable[None]]
"""Brings metrics up to date before they are shown."""

_log = Log("health")


class Health:
    """`async with` binds the port, `run` serves and beats. Belongs to the loop thread.

    `live`: checks whose failure asks for a restart; `ready`: checks that say whether the part does its work now.
    `collectors` run before each scrape, together within 2 s; one that fails is counted, the page is shown without it.
    Without a port (None) nothing is bound and `run` only beats.
    """

    def __init__(self, port: int | None = 0, host: str = "127.0.0.1", registry: Registry | None = None) -> None:
        self.registry = registry or Registry()
        self.live: dict[str, Check] = {"loop": self._late}
        self.ready: dict[str, Check] = {}
        self.collectors: list[Collector] = []
        self._wanted, self._host = port, host
        self._server: asyncio.Server | None = None
        self._group: asyncio.TaskGroup | None = None
        self._open = 0
        self._beat_s: float | None = None
        self._lag = self.registry.gauge(
            "forecourt_loop_lag_seconds", "How late the event loop was at most since the last scrape"
        )
        self._failed = self.registry.counter(
            "forecourt_collect_failures_total", "Collectors that failed or were too slow for a scrape"
        )

    @property
    def port(self) -> int | None:
        """The port that is bound."""
        return self._server.sockets[0].getsockname()[1] if self._server is not None else None

    async def __aenter__(self) -> Self:
        """Binds; raises ConfigError when the address cannot be had."""
        if self._wanted is not None:
            try:
                self._server = await asyncio.start_server(self._accept, self._host, self._wanted, limit=HEAD_BYTES_MAX)
            except OSError as error:
                raise ConfigError(
                    f"health page: {self._host}:{self._wanted} cannot be bound ({error.strerror}); "
                    "choose another health.port, or 0 for any free one"
                ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def run(self) -> None:
        """Serves until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            if self._server is not None:
                _log.info("health_page", host=self._host, port=self.port)
            await self._beat()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._beat_s = loop.time()
            await asyncio.sleep(BEAT_S)
            self._lag.set(max(self._lag.value, loop.time() - self._beat_s - BEAT_S, 0.0))

    def _late(self) -> str:
        if self._beat_s is None:
            return "has not begun"
        age_s = asyncio.get_running_loop().time() - self._beat_s
        return f"no beat for {age_s:.0f} s" if age_s > BEAT_LATE_S else ""

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._group is None or self._open >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        self._open += 1
        self._group.create_task(self._serve(reader, writer), name="health-request")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, and the end; whatever a caller does harms nobody else."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S + COLLECT_TIMEOUT_S):
                request, answer = await self._exchange(reader)
                writer.write(answer_bytes(answer, with_body=request is None or request.method != "HEAD"))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, EOFError):
            _log.debug("caller_left")
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader) -> tuple[Request | None, Answer]:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                request = parse_head(await reader.readuntil(b"\r\n\r\n"))
        except TimeoutError:
            return None, Answer(408, "no request in time\n")
        except asyncio.LimitOverrunError:
            return None, Answer(431, f"a request has at most {HEAD_BYTES_MAX} bytes\n")
        except InputError as error:
            return None, Answer(400, f"{error}\n")
        return request, await self.answer(request)

    async def answer(self, request: Request) -> Answer:
        """What a request is answered."""
        if request.method not in {"GET", "HEAD"}:
            return Answer(405, "this page is only for reading\n")
        if request.path == "/live":
            return _checked(self.live)
        if request.path == "/ready":
            return _checked(self.ready | self.live)
        if request.path == "/metrics":
            await self._collect()
            text = self.registry.render()
            self._lag.set(0)
            return Answer(200, text, METRICS)
        return Answer(404, "here are /live, /ready and /metrics\n")

    async def _collect(self) -> None:
        try:
            async with asyncio.timeout(COLLECT_TIMEOUT_S):
                for collector in self.collectors:
                    try:
                        await collector()
                    except ForecourtError as error:
                        self._failed.inc()
                        _log.warning("collector_failed", error=str(error))
        except TimeoutError:
            self._failed.inc()
            _log.warning("collectors_slow", timeout_s=COLLECT_TIMEOUT_S)


def _checked(checks: dict[str, Check]) -> Answer:
    """All checks with what they say; 503 when one is not well."""
    told = {name: check() for name, check in checks.items()}
    well = not any(told.values())
    body = json.dumps({"status": "ok" if well else "failing", "checks": {n: why or "ok" for n, why in told.items()}})
    return Answer(200 if well else 503, body + "\n", "application/json")
