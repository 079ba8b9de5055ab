"""The stand-in's HTTP: pages for whoever signs in, endpoints for clients; must never listen beyond what it was told."""

from html import escape
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.errors import ConfigError
from simulators.openid.keys import key_set
from simulators.openid.provider import Asked, Denied, Provider

BODY_BYTES_MAX: Final = 16_384
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in</title><style>body{font:1.2rem sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}
button,input{font:inherit;padding:.6rem 1rem;margin:.3rem 0;width:100%;box-sizing:border-box}</style>
<h1>Brand account</h1><p>A stand-in: nobody is asked for a password.</p>"""


class OpenIdServer:
    """`async with` binds and serves; `provider.issuer` is then its address. Port 0 is any free one."""

    def __init__(self, provider: Provider, host: str = "127.0.0.1", port: int = 0) -> None:
        self.provider, self._host, self._port = provider, host, port
        app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[self._manners])
        app.add_routes(
            [
                web.get("/.well-known/openid-configuration", self._discovery),
                web.get("/keys", self._keys),
                web.get("/authorize", self._authorize),
                web.post("/authorize", self._authorize),
                web.post("/device_authorization", self._begin_device),
                web.get("/device", self._device),
                web.post("/device", self._decide),
                web.post("/token", self._token),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)

    async def __aenter__(self) -> Self:
        """Binds; raises ConfigError when the address cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(f"openid: {self._host}:{self._port} cannot be bound ({error.strerror})") from error
        self._port = self._runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.provider.issuer = self.provider.issuer or f"http://{host}:{self._port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @web.middleware
    async def _manners(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """503 while it is away; errors of OAuth as JSON; nothing is kept by a browser."""
        if self.provider.away:
            return web.Response(status=503, text="away\n")
        try:
            response = await handler(request)
        except Denied as denied:
            status = 401 if denied.error == "invalid_client" else 400
            said = {"error": denied.error, "error_description": str(denied)}
            response = web.json_response(said, status=status)
        response.headers.update(_HEADERS)
        return response

    async def _discovery(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self.provider.discovery())

    async def _keys(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=key_set(self.provider.keys), content_type="application/json")

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        """The page of the code flow. `prompt=none` with `login_hint` stands for a user who is signed in already."""
        given = dict(request.query)
        asked, state = self.provider.asked_for_code(given), given.get("state", "")
        user = await _posted(request, "user") if request.method == "POST" else None
        if user is None and given.get("prompt") == "none":
            user = given.get("login_hint", "")
        if user is not None:
            return self._back(asked, user, state)
        return _page(f"<form method=post><p>{escape(asked.client)} asks who you are:</p>{self._buttons()}</form>")

    def _back(self, asked: Asked, user: str, state: str) -> web.StreamResponse:
        return web.Response(status=303, headers={"Location": self.provider.allow_code(asked, user, state)})

    async def _begin_device(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self.provider.begin_device(await _form(request)))

    async def _device(self, request: web.Request) -> web.StreamResponse:
        """The page that a code on a screen leads to."""
        code = escape(request.query.get("user_code", "")[:20], quote=True)
        field = f'<label>Code on the screen of the car<input name=user_code value="{code}" autocomplete=off></label>'
        refuse = "<button name=refuse value=1>This is not my car: refuse</button>"
        return _page(f"<form method=post>{field}{self._buttons()}{refuse}</form>")

    async def _decide(self, request: web.Request) -> web.StreamResponse:
        given = await _form(request)
        user = None if given.get("refuse") else given.get("user", "")
        self.provider.decide(given.get("user_code", ""), user)
        return _page("<p>Refused.</p>" if user is None else "<p>Signed in. Look at the screen of the car.</p>")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self.provider.token(await _form(request)))

    def _buttons(self) -> str:
        names = (escape(user, quote=True) for user in self.provider.users)
        return "".join(f'<button name=user value="{name}">{name}</button>' for name in names)


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a form, each once; raises Denied."""
    fields: Any = await request.post()
    if any(not isinstance(value, str) for value in fields.values()) or len(set(fields)) != len(fields):
        raise Denied("invalid_request", "each parameter stands there once, as text")
    return dict(fields)


async def _posted(request: web.Request, name: str) -> str | None:
    return (await _form(request)).get(name)


def _page(body: str) -> web.StreamResponse:
    return web.Response(text=_PAGE + body, content_type="text/html")
