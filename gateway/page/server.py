"""Serves the guest's page on the local network; must never send a byte to, or load one from, anywhere else."""

import asyncio
from collections.abc import Callable
from importlib.resources import files
from types import TracebackType
from typing import Self

from aiohttp import web

from gateway.errors import ConfigError, InputError
from gateway.log import Log
from gateway.page.access import Access
from gateway.page.answers import BODY_BYTES_MAX, Answers, Desk
from gateway.page.manners import careful

log = Log("page")

_STATIC = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/words.json": ("words.json", "application/json"),
}


class Page:
    """`async with` binds, `run` serves until it is cancelled. `host` and `port` say where; port 0 is any free one.

    The page itself tells nothing; what it shows comes from /api with the token of the visit, which the link carries
    behind `#` and which so never reaches a log or another server. It answers to addresses and to `name` alone.
    """

    def __init__(
        self, desk: Desk, host: str, port: int, *, name: str = "localhost", online: Callable[[], bool] = lambda: False
    ) -> None:
        self._desk, self._host, self._port = desk, host, port
        self.access = Access()
        self._files: dict[str, tuple[bytes, str]] = {}
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[careful(name)])
        app.add_routes([web.get(path, self._file) for path in _STATIC])
        app.add_routes(Answers(desk, self.access, online).routes())
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)

    async def __aenter__(self) -> Self:
        """Binds; raises ConfigError when the address cannot be had."""
        self._files = await asyncio.to_thread(_read)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(f"page: {self._host}:{self._port} cannot be bound ({error.strerror})") from error
        self._port = self._runner.addresses[0][1]
        log.info("page_open", port=self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def run(self) -> None:
        """Serves until it is cancelled; what asks is answered by the loop."""
        await asyncio.Event().wait()

    @property
    def url(self) -> str:
        """Where the page is."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/"

    def link(self) -> str:
        """The link of the visit that is open, to be shown to its guest only; raises InputError when there is none."""
        visit = self._desk.session()
        if visit is None:
            raise InputError("there is no visit: open one first")
        return f"{self.url}#{self.access.token(visit.subject)}"

    async def _file(self, request: web.Request) -> web.StreamResponse:
        body, kind = self._files[request.path]
        return web.Response(body=body, content_type=kind, charset="utf-8")


def _read() -> dict[str, tuple[bytes, str]]:
    folder = files("gateway.page") / "static"
    return {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in _STATIC.items()}
