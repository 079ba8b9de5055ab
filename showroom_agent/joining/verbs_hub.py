"""`forecourt hub join|renew`; must never contain logic."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from showroom_agent.joining.bounds import CLOCK_OFF_S

if TYPE_CHECKING:
    from gateway.clock import Clock
    from showroom_agent.joining.hub_side import Joined

FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="/var/lib/forecourt",
    show_default=True,
    help="Where identity and settings go.",
)
CLOCK = click.option(
    "--set-clock/--keep-clock",
    default=True,
    help="Set this machine's clock to the site's where it is off and no time service keeps it.",
)
JOINING = """\b
  forecourt hub join ABCDE-FGHIJ-...
  forecourt hub join - < token.txt         so that the token is in no list of processes
\b
Nothing but the token is needed: it names the site and how it is recognised. A clock at 1970 does no harm.
"""


@click.command(epilog=JOINING)
@click.argument("token")
@FOLDER
@click.option("--id", "device", default="", metavar="HUB", help="Only if the invitation is for this hub.")
@click.option("--wait", "wait_s", type=float, default=60.0, show_default=True, help="Seconds to try to reach the site.")
@CLOCK
def join(token: str, folder: Path, device: str, wait_s: float, set_clock: bool) -> None:
    """Make this hub's keys, prove the TOKEN to the site, and write an identity that the site certified."""
    from gateway.clock import SystemClock
    from showroom_agent.joining.hub_side import join as ask
    from showroom_agent.joining.token import parse_token

    given = sys.stdin.readline(4_096) if token == "-" else token  # noqa: S105 - a dash is no secret
    parsed = parse_token(given)
    clock, began_s = SystemClock(), time.monotonic()
    found = _patient(lambda: ask(parsed, folder, clock, device=device), wait_s)
    click.echo(
        f"{found.device} has joined in {time.monotonic() - began_s:.1f} s; its certificate holds until", nl=False
    )
    click.echo(f" {found.until:%Y-%m-%d}")
    _clock(found.off_s, set_clock, clock)
    settings = folder / "hub.toml"
    if found.settings_kept:
        click.echo(f'{settings} stays as it is; it needs device.id = "{found.device}", broker = "{found.broker}"')
    click.echo(f"next: forecourt hub run --config {settings}")


@click.command()
@FOLDER
@click.option("--now", is_flag=True, help="Also when the certificate holds for more than 90 days.")
@CLOCK
def renew(folder: Path, now: bool, set_clock: bool) -> None:
    """Renew the certificate when it is due, and take the site's tags and time; for a timer, once a day.

    When it is not due only the time is asked. A hub without a battery for its clock does this as it boots.
    """
    from gateway.clock import SystemClock
    from showroom_agent.joining.hub_side import due, site_time
    from showroom_agent.joining.hub_side import renew as ask

    clock = SystemClock()
    if now or due(folder, clock):
        found = ask(folder, clock)
        click.echo(f"{found.device}: renewed until {found.until:%Y-%m-%d}; restart the hub to use it")
        _clock(found.off_s, set_clock, clock)
    else:
        off_s = site_time(folder, clock)
        click.echo("the certificate is not due")
        _clock(off_s, set_clock, clock)


def _patient(call: "Callable[[], Joined]", wait_s: float) -> "Joined":
    """Again while nobody answers."""
    from gateway.errors import LinkError, LinkRefused

    until_s = time.monotonic() + wait_s
    while True:
        try:
            return call()
        except LinkRefused:
            raise
        except LinkError as error:
            if time.monotonic() + 2 > until_s:
                raise
            click.echo(f"{error}; again in 2 s", err=True)
            time.sleep(2)


def _clock(off_s: float, allowed: bool, clock: "Clock") -> None:
    from gateway.model import ClockQuality

    if abs(off_s) < CLOCK_OFF_S:
        return
    said = f"this hub's clock is {abs(off_s):,.0f} s {'behind' if off_s > 0 else 'ahead of'} the site's"
    if clock.quality() is ClockQuality.SYNCHRONISED:
        click.echo(f"{said}, though a time service keeps it: one of the two asks a wrong server", err=True)
        return
    if not allowed:
        click.echo(f"{said}: set it, or leave --keep-clock out", err=True)
        return
    try:
        time.clock_settime(time.CLOCK_REALTIME, time.time() + off_s)
    except PermissionError:
        click.echo(f"{said} and only root may set it: run this as root, or let a time service ask the site", err=True)
    else:
        click.echo(f"{said}: set", err=True)
