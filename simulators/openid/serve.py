"""What `forecourt sim openid` and `sim sign-in` do; must never need a terminal."""

import asyncio
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.clock import SystemClock
from simulators.openid.device import sign_in
from simulators.openid.keys import text64
from simulators.openid.provider import Denied, Provider
from simulators.openid.server import OpenIdServer
from simulators.serving import Say, on_lines

WORDS: Final = "allow CODE [USER], deny CODE, rotate [RS256|ES256|EdDSA], forget, away, back, show"
FILE: Final = """\
  role = "accounts"
  [accounts]
  secret = "accounts.secret"
  [[issuer]]
  issuer = "{issuer}"
  audience = "{client}\""""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdOptions:
    """What `forecourt sim openid` was asked for."""

    host: str = "127.0.0.1"
    port: int = 8_600
    users: Sequence[str] = ("jan",)
    clients: Sequence[str] = ("forecourt",)
    algorithm: str = "ES256"
    life_s: int = 300
    interval_s: float = 5.0


async def serve_openid(options: OpenIdOptions, say: Say, stop: asyncio.Event) -> None:
    """A provider that does what typed lines say, until `stop`. Raises ConfigError."""
    clock = await asyncio.to_thread(SystemClock)
    provider = Provider(
        clock=clock,
        users=options.users,
        clients=options.clients,
        life_s=options.life_s,
        interval_s=options.interval_s,
        algorithm=options.algorithm,
    )
    await asyncio.to_thread(provider.rotate)
    async with OpenIdServer(provider, options.host, options.port), asyncio.TaskGroup() as group:
        say(f"provider on {provider.issuer} with {', '.join(options.users)}; the cloud believes it with accounts.toml:")
        say(FILE.format(issuer=provider.issuer, client=options.clients[0]))
        say(f"a head unit signs in with: forecourt sim sign-in {provider.issuer}")
        say(f"type: {WORDS}")
        lines: asyncio.Queue[str] = asyncio.Queue()
        tasks = [
            group.create_task(on_lines(lines.put_nowait), name="lines"),
            group.create_task(_obey(provider, lines, say), name="obey"),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
    say(f"{provider.issued} tokens issued")


async def sign_in_to(url: str, client: str, out: Path | None, nonce: bool, say: Say) -> str:
    """Signs in as a head unit does; the token, which is also written to `out`, that only its owner may read.

    With `nonce` the sign-in is bound to a random number, told beside. Raises what device.sign_in does.
    """
    number = text64(secrets.token_bytes(16)) if nonce else ""
    token = await sign_in(url, client, lambda code, page: say(f"type {code} at {page}"), number)
    if number:
        say(f"nonce {number}")
    if out is not None:
        await asyncio.to_thread(_write, out, token)
        say(f"token in {out}")
    return token


async def _obey(provider: Provider, lines: "asyncio.Queue[str]", say: Say) -> None:
    while True:
        line = await lines.get()
        try:
            say(await do(provider, line))
        except Denied as denied:
            say(str(denied))


async def do(provider: Provider, line: str) -> str:
    """Does what a typed line says, and tells it or what could be said; raises Denied."""
    match line.split():
        case ["allow", code, *user] if len(user) <= 1:
            provider.decide(code, user[0] if user else provider.users[0])
        case ["deny", code]:
            provider.decide(code, None)
        case ["rotate", *kind] if kind in ([], ["RS256"], ["ES256"], ["EdDSA"]):
            key = await asyncio.to_thread(provider.rotate, *kind)
            return f"signs with {key.kid} ({key.algorithm}); {len(provider.keys)} keys in sight"
        case ["forget"]:
            provider.forget()
        case [("away" | "back") as word]:
            provider.away = word == "away"
        case ["show"]:
            return f"codes on screens: {', '.join(provider.waiting()) or 'none'}; {provider.issued} tokens issued"
        case _:
            return f"say one of: {WORDS}"
    return line


def _write(path: Path, token: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(token + "\n")
