"""`forecourt site pki|invite|join-desk|hubs|revoke`; must never contain logic."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from showroom_agent.joining.bounds import BROKER_PORT, INVITATION_S, JOIN_PORT

if TYPE_CHECKING:
    from showroom_agent.joining.place import Place

FOLDER = click.Path(file_okay=False, path_type=Path)
SITE = click.option(
    "--site", "folder", type=FOLDER, default=".", show_default=True, help="Folder of the site, which holds pki/."
)
STEPS = """\b
At the site, once:      forecourt site pki --site SITE --host showroom.local
At the site, running:   forecourt site join-desk --site SITE
For each hub:           forecourt site invite hub-07 --site SITE     prints a token, once
On the hub:             forecourt hub join TOKEN --folder /var/lib/forecourt
                        forecourt hub run --config /var/lib/forecourt/hub.toml
"""


@click.command(epilog=STEPS)
@SITE
@click.option("--name", default="showroom", show_default=True, help="What the site is called in its certificate.")
@click.option(
    "--host", "hosts", multiple=True, required=True, help="Name or address by which hubs reach the site. Repeat it."
)
@click.option("--broker-port", type=click.IntRange(1, 65_535), default=BROKER_PORT, show_default=True)
@click.option("--join-port", type=click.IntRange(1, 65_535), default=JOIN_PORT, show_default=True)
def pki(folder: Path, name: str, hosts: tuple[str, ...], broker_port: int, join_port: int) -> None:
    """Make the site's own authority, its broker's certificate and the desk's key, in SITE/pki.

    Run it again at any time: what holds stays; a broker's certificate that ends within 90 days, or that lacks a host,
    is made anew. Keep SITE/pki/ca.key to this machine and its backup: who has it can be any hub.
    """
    from gateway.clock import SystemClock
    from showroom_agent.joining.place import Address, Place

    made = Place.make(folder, SystemClock(), Address(name, hosts, broker_port, join_port))
    click.echo(f"authority  {made.folder / 'ca.crt'}")
    click.echo(f"broker     {made.folder / 'broker'}   crlfile {made.folder / 'ca.crl'}")
    click.echo(f"hubs will be told  {made.address.broker}")


@click.command(epilog=STEPS)
@click.argument("hub")
@SITE
@click.option(
    "--for", "minutes", type=float, default=INVITATION_S / 60, show_default=True, metavar="MINUTES", help="It holds."
)
@click.option(
    "--replace", is_flag=True, help="The hub takes the place of an enrolled one, which is revoked as it joins."
)
@click.option("--host", help="Put another host of the site into the token.")
@click.option("--qr/--no-qr", default=True, help="Show the token as a QR code too.")
@click.option("--withdraw", is_flag=True, help="End the open invitations of the hub instead.")
def invite(folder: Path, hub: str, minutes: float, replace: bool, host: str | None, qr: bool, withdraw: bool) -> None:
    """Print a token with which HUB, and one machine only, can join.

    The token carries the site's address, how its desk is recognised, and a secret. It is printed once and kept nowhere.
    """
    place = _place(folder)
    if withdraw:
        click.echo(f"{place.invitations.withdraw(hub)} invitations of {hub} withdrawn")
        return
    where = host or place.address.hosts[0]
    port = place.address.join_port
    enrolled = {one.device for one in place.issuer.devices()}
    if hub in enrolled and not replace:
        raise click.ClickException(f"{hub} is enrolled already: give --replace if another machine takes its place")
    token = place.invitations.invite(where, port, place.pin, hub, for_s=minutes * 60, replaces=replace)
    text = token.text()
    if qr:
        from gateway.page import as_text

        click.echo(as_text(text), err=True)
    click.echo(text)
    click.echo(f"for {hub}, once, within {minutes:g} minutes; on the hub: forecourt hub join TOKEN", err=True)


@click.command("join-desk", epilog=STEPS)
@SITE
@click.option("--listen", default="0.0.0.0", show_default=True, metavar="ADDRESS", help="Address to listen at.")  # noqa: S104 - hubs come from the whole network of the site
@click.option("--port", type=click.IntRange(0, 65_535), help="Instead of the port that `site pki` was told.")
def join_desk(folder: Path, listen: str, port: int | None) -> None:
    """Let invited hubs join, and enrolled ones renew their certificate and ask the time, until told to end."""
    from gateway import log

    log.to_stream()
    asyncio.run(_serve(folder, listen, port))


async def _serve(folder: Path, listen: str, port: int | None) -> None:
    from gateway.clock import SystemClock
    from gateway.tasks import until_signal
    from showroom_agent.joining.desk import JoinDesk
    from showroom_agent.joining.place import Place

    clock = await asyncio.to_thread(SystemClock)
    place = await asyncio.to_thread(Place, folder, clock)
    desk = await asyncio.to_thread(JoinDesk, place, clock, listen, port)
    async with until_signal() as group, desk:
        click.echo(f"join desk at {listen}:{desk.port}", err=True)
        group.create_task(desk.run(), name="desk")
        await asyncio.get_running_loop().create_future()


@click.command()
@SITE
def hubs(folder: Path) -> None:
    """List the enrolled hubs, until when their certificates hold, and the open invitations."""
    place = _place(folder)
    for one in place.issuer.devices():
        click.echo(f"{one.device:<24} until {one.until:%Y-%m-%d}")
    for invitation in place.invitations.all():
        if not invitation.used_by:
            click.echo(f"{invitation.device:<24} {'spoilt' if invitation.spoilt else 'invited'}")


@click.command()
@click.argument("hub")
@SITE
def revoke(folder: Path, hub: str) -> None:
    """Shut HUB out: from now on its signatures are not believed, its certificates are on the broker's list.

    The broker reads the list as it starts: restart it. `site run` takes the change up by itself.
    """
    place = _place(folder)
    if hub not in {one.device for one in place.issuer.devices()}:
        raise click.ClickException(f"{hub} is not enrolled; forecourt site hubs lists who is")
    withdrawn = place.invitations.withdraw(hub)
    click.echo(f"{hub}: {place.issuer.revoke(hub)} certificates revoked, {withdrawn} invitations withdrawn")


def _place(folder: Path) -> "Place":
    from gateway.clock import SystemClock
    from showroom_agent.joining.place import Place

    return Place(folder, SystemClock())
