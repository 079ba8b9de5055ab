"""`forecourt sim bluez`; must never contain logic."""

import asyncio
import sys

import click

EPILOG = """\b
  forecourt sim bluez -- forecourt hub run --config hub.toml
  forecourt sim bluez --adapters 2 --tags 20
While it runs in a terminal, type faults: off hci0, on hci0, unplug hci0, plug hci0, busy hci0, silent hci0, restart.
Needs dbus-daemon (Debian: dbus-daemon); no radio, no root.
"""


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.option("--adapters", type=click.IntRange(1, 16), default=1, show_default=True, help="hci0, hci1, …")
@click.option("--tags", type=click.IntRange(1, 1_000), default=3, show_default=True, help="Simulated iBeacons.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of their levels.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def bluez(adapters: int, tags: int, seed: int, command: tuple[str, ...]) -> None:
    """Stand in for BlueZ on a private D-Bus, with tags on the air; run COMMAND on that bus, if one is given."""
    from gateway.tasks import signalled
    from simulators.bluez.serve import BluezOptions, serve_bluez

    async def main() -> int:
        async with signalled() as stop:
            options = BluezOptions(adapters=adapters, tags=tags, seed=seed, command=command)
            return await serve_bluez(options, lambda text: click.echo(text, err=True), stop)

    sys.exit(asyncio.run(main()))
