"""Serves a page on which hubs, zones and cars are placed on a picture; must never change a plan without the link.

The link carries a token behind `#`, so that it reaches no log; all under /api asks for it. Pictures are shown as
pictures only: a script inside an SVG never runs.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from gateway.clock import Clock
from gateway.errors import ConfigError, ForecourtError, InputError
from gateway.identity import write_file
from gateway.log import Log
from gateway.page import HEADERS, Access, careful
from showroom_agent.joining import drawing
from showroom_agent.joining.waypoints import note
from showroom_agent.plan import load_site

log = Log("joining")
PICTURE_BYTES_MAX = 16 << 20
PLAN, WALK, PICTURE = "site.geojson", "walk.csv", "plan-picture"
_KINDS = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/svg+xml": b"<"}
_STATIC = {
    "/": ("place.html", "text/html"),
    "/place.js": ("place.js", "text/javascript"),
    "/shapes.js": ("shapes.js", "text/javascript"),
    "/place.css": ("place.css", "text/css"),
    "/words.json": ("words.json", "application/json"),
}
_POLICY = "Content-Security-Policy"
_OWN = {**HEADERS, _POLICY: HEADERS[_POLICY] + "; img-src 'self' blob:"}
_VISIT = 1
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PlacePage:
    """`async with` binds, `run` serves until it is cancelled; `link` is for the technician only. Port 0: any free."""

    def __init__(
        self, folder: Path, clock: Clock, host: str = "127.0.0.1", port: int = 0, name: str = "localhost"
    ) -> None:
        """`folder`: the site's, which may be empty."""
        self._folder, self._clock, self._host, self._port = folder, clock, host, port
        self._access, self._turn = Access(), asyncio.Lock()
        self._files: dict[str, tuple[bytes, str]] = {}
        app = web.Application(client_max_size=PICTURE_BYTES_MAX, middlewares=[careful(name, _OWN)])
        app.add_routes([web.get(path, self._file) for path in _STATIC])
        app.add_routes([web.get("/favicon.ico", _nothing)])
        app.add_routes(
            [
                web.get("/api/plan", self._guarded(self._plan)),
                web.put("/api/plan", self._guarded(self._save)),
                web.get("/api/picture", self._guarded(self._picture)),
                web.put("/api/picture", self._guarded(self._take_picture)),
                web.post("/api/waypoint", self._guarded(self._waypoint)),
            ]
        )
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
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def run(self) -> None:
        """Serves until it is cancelled; what asks is answered by the loop."""
        await asyncio.Event().wait()

    def link(self, host: str = "") -> str:
        """The page with its token; `host` instead of the address it is bound to."""
        name = host or self._host
        bare = f"[{name}]" if ":" in name else name
        return f"http://{bare}:{self._port}/#{self._access.token(_VISIT)}"

    async def _file(self, request: web.Request) -> web.StreamResponse:
        body, kind = self._files[request.path]
        return web.Response(body=body, content_type=kind, charset="utf-8")

    async def _plan(self, _: web.Request) -> web.StreamResponse:
        document, version = await asyncio.to_thread(drawing.load_drawing, self._folder / PLAN)
        picture = await asyncio.to_thread(self._picture_file) is not None
        return web.json_response({"document": document, "version": version, "picture": picture})

    async def _save(self, request: web.Request) -> web.StreamResponse:
        said = await _object(request)
        async with self._turn:
            version = await asyncio.to_thread(
                drawing.save, self._folder / PLAN, said.get("document"), str(said.get("version"))
            )
        log.info("plan_saved")
        return web.json_response({"version": version})

    async def _picture(self, _: web.Request) -> web.StreamResponse:
        found = await asyncio.to_thread(self._picture_file)
        if found is None:
            raise InputError("there is no picture")
        data = await asyncio.to_thread(found.read_bytes)
        return web.Response(body=data, content_type=_kind_of(data))

    async def _take_picture(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        kind = _kind_of(data)
        if kind != request.content_type:
            raise InputError("a picture is a PNG, JPEG or SVG file")
        await asyncio.to_thread(write_file, self._folder / PICTURE, data)
        return web.json_response({"bytes": len(data)})

    async def _waypoint(self, request: web.Request) -> web.StreamResponse:
        said = await _object(request)
        try:
            name, x_m, y_m = str(said["name"]), float(said["x_m"]), float(said["y_m"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("a spot has name, x_m and y_m") from error
        site = await asyncio.to_thread(load_site, self._folder / PLAN)
        at_s = self._clock.wall_us() / 1e6
        await asyncio.to_thread(note, self._folder / WALK, site, name, x_m, y_m, at_s)
        return web.json_response({"t_s": at_s})

    def _picture_file(self) -> Path | None:
        path = self._folder / PICTURE
        return path if path.exists() else None

    def _guarded(self, handler: Handler) -> Handler:
        """Only with the token; errors in words, never with a trace."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if self._access.locked:
                return _error(429, "too many wrong links; wait a minute")
            if not self._access.allows(request.headers.get("Authorization", ""), _VISIT):
                return _error(401, "this link is not that of this page: open the one that was printed")
            try:
                return await handler(request)
            except (InputError, ConfigError) as error:
                return _error(400, str(error))
            except (ForecourtError, OSError) as error:
                return _error(503, str(error))
            except web.HTTPRequestEntityTooLarge:
                return _error(413, f"a picture has at most {PICTURE_BYTES_MAX >> 20} MB")

        return guarded


async def _object(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request. Its type cannot be sent by a form of another page."""
    if request.content_type != "application/json":
        raise InputError("JSON is expected")
    text = await request.text()
    if len(text) > drawing.DOCUMENT_BYTES_MAX:
        raise InputError(f"a plan that is drawn here has at most {drawing.DOCUMENT_BYTES_MAX >> 20} MB")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("that is no JSON") from error
    if not isinstance(said, dict):
        raise InputError("an object is expected")
    return said


def _kind_of(data: bytes) -> str:
    """By its first bytes; InputError for anything that is no picture."""
    for kind, head in _KINDS.items():
        if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(head) and (
            kind != "image/svg+xml" or b"<svg" in data[:4_096]
        ):
            return kind
    raise InputError("a picture is a PNG, JPEG or SVG file")


def _error(status: int, words: str) -> web.StreamResponse:
    return web.json_response({"error": words}, status=status)


async def _nothing(_: web.Request) -> web.StreamResponse:
    """Browsers ask for a sign by themselves."""
    return web.Response(status=204)


def _read() -> dict[str, tuple[bytes, str]]:
    folder = files("showroom_agent.joining") / "static"
    return {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in _STATIC.items()}
