"""How each page of ours answers: to its own names only, and without a word to anywhere else; must never be left out."""

from collections.abc import Mapping
from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def careful(name: str, headers: Mapping[str, str] = HEADERS) -> Middleware:
    """A middleware that answers to addresses and `name` alone, and puts `headers` on every answer.

    Other names are refused, so that no other page can point its own name at this machine.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not known(request.host, name):
            return web.Response(status=421, text="this name is not served here\n", headers=headers)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(headers)
            raise
        response.headers.update(headers)
        return response

    return middleware


def known(host: str, name: str) -> bool:
    """Whether a Host header names an address or `name`, with a port or without."""
    bare = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
    if bare == name:
        return True
    try:
        ip_address(bare)
    except ValueError:
        return False
    return True
