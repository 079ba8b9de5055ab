"""Serves the guest's page on the local network; must never send a byte to, or load one from, anywhere else."""

import asyncio
from collections.abc import Callable
from importlib.resources import files
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.errors import ConfigError, InputError
from gateway.log import Log
from gateway.page.access import Access
from gateway.page.answers import BODY_BYTES_MAX, Answers, Desk

log = Log("page")

_STATIC = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/words.json": ("words.json", "application/json"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Page:
    """`async with` binds, `run` serves until it is cancelled. `host` and `port` say where; port 0 is any free one.

    The page itself tells nothing; what it shows comes from /api with the token of the visit, which the link carries
    behind `#` and which so never reaches a log or another server. Names other than addresses and `name` are refused,
    so that no other page can point its own name at this machine.
    """

    def __init__(
        self, desk: Desk, host: str, port: int, *, name: str = "localhost", online: Callable[[], bool] = lambda: False
    ) -> None:
        self._desk, self._host, self._port, self._name = desk, host, port, name
        self.access = Access()
        self._files: dict[str, tuple[bytes, str]] = {}
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._careful])
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

    @web.middleware
    async def _careful(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._known(request.host):
            return web.Response(status=421, text="this name is not served here\n", headers=_HEADERS)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(_HEADERS)
            raise
        response.headers.update(_HEADERS)
        return response

    def _known(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
        if name == self._name:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


def _read() -> dict[str, tuple[bytes, str]]:
    folder = files("gateway.page") / "static"
    return {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in _STATIC.items()}
