"""`forecourt sim openid` and `forecourt sim sign-in`; must never contain logic."""

import asyncio
from pathlib import Path
from typing import Any

import click

OPENID = """\b
  forecourt sim openid                                  accounts of jan, on http://127.0.0.1:8600
  forecourt sim openid --user jan --user mia --life 60  two people, tokens that live a minute
  forecourt sim sign-in http://127.0.0.1:8600 --out guest.jwt     in a second terminal: a head unit
\b
At the start it tells the settings with which the cloud believes it.
While it runs in a terminal:
  allow BCDF-GHJK       whoever sits there is jan; or open the page that the head unit names
  rotate                another key signs from now on; forget: the old ones are shown no more
  away, back            it answers 503, as a provider that is down
"""
SIGN_IN = """\b
  forecourt sim sign-in http://127.0.0.1:8600                   shows a code, waits, prints the token
  forecourt sim sign-in http://127.0.0.1:8600 --out guest.jwt   the token goes into a file of yours alone
Type the code at the page that is named, or `allow CODE` where the provider runs.
"""


@click.command(epilog=OPENID)
@click.option("-p", "--port", type=click.IntRange(0, 65_535), default=8_600, show_default=True, help="0: any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--user", "users", multiple=True, default=("jan",), show_default=True, help="Who has an account.")
@click.option("--client", "clients", multiple=True, default=("forecourt",), show_default=True, help="Client ids.")
@click.option(
    "--algorithm", type=click.Choice(["RS256", "ES256", "EdDSA"]), default="ES256", show_default=True, help="Of keys."
)
@click.option("--life", "life_s", type=click.IntRange(1), default=300, show_default=True, help="Seconds of a token.")
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(0, 60),
    default=5.0,
    show_default=True,
    help="Seconds between two questions of a head unit.",
)
def openid(**asked: Any) -> None:
    """Stand in for the OpenID provider of another service: accounts without passwords, for a desk.

    Authorization code flow with PKCE, device flow with a code on the screen, discovery, keys that can be changed.
    """
    from gateway.tasks import signalled
    from simulators.openid.serve import OpenIdOptions, serve_openid

    async def main() -> None:
        async with signalled() as stop:
            await serve_openid(OpenIdOptions(**asked), click.echo, stop)

    asyncio.run(main())


@click.command("sign-in", epilog=SIGN_IN)
@click.argument("provider", metavar="URL")
@click.option("--client", default="forecourt", show_default=True, help="Client id of the head unit.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the token there.")
@click.option("--nonce", is_flag=True, help="Bind the token to this sign-in; the stand-in puts it into the token.")
def sign_in(provider: str, client: str, out: Path | None, nonce: bool) -> None:
    """Sign in at the OpenID provider at URL as a head unit does (RFC 8628), and keep the token.

    What it tells goes to standard error, the token to standard output or into a file.
    """
    from simulators.openid.serve import sign_in_to

    token = asyncio.run(sign_in_to(provider, client, out, nonce, lambda text: click.echo(text, err=True)))
    if out is None:
        click.echo(token)
