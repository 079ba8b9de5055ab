"""`forecourt pki`: certificates and keys for a desk; must never contain logic."""

from pathlib import Path

import click

from gateway.errors import ConfigError, InputError

EPILOG = """\b
Then, for example:
  forecourt vehicle run … --broker mqtts://HOST:8883   with FOLDER/devices/car-1
  forecourt cloud run … --broker mqtts://HOST:8883     with FOLDER/cloud
  mosquitto -c deploy/mosquitto/mosquitto.conf         with FOLDER/broker and FOLDER/ca.crt
"""


@click.group()
def pki() -> None:
    """Certificates and signing keys: who is who, and how each proves it."""


@pki.command(epilog=EPILOG)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--device", "devices", multiple=True, metavar="ID", help="A device id: letters, digits, - and _. Repeat it."
)
@click.option("--cloud", default="cloud", show_default=True, metavar="NAME", help="The cloud's name at the broker.")
@click.option(
    "--host", "hosts", multiple=True, metavar="HOST", help="Name or address of the broker, besides localhost."
)
def dev(folder: Path, devices: tuple[str, ...], cloud: str, hosts: tuple[str, ...]) -> None:
    """Make an authority, a broker, a cloud and devices in FOLDER, for a desk or a test.

    Each device gets a folder of its own, FOLDER/devices/ID, with its TLS certificate (its CN is the device id, the MQTT
    user name and the client id), its Ed25519 signing key and the cloud's public key, which it pins. The cloud's folder
    knows the devices' public keys. Run it again with another --device to add one; what exists stays as it is.

    The authority's key lies in FOLDER too, so this is not for a fleet.
    """
    from gateway.identity.pki import HOSTS, make_dev_pki

    try:
        made = make_dev_pki(folder, devices, cloud=cloud, hosts=[*HOSTS, *hosts])
    except (ConfigError, InputError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written ({error.strerror}): choose another folder") from error
    click.echo(f"authority  {made.ca_cert}")
    click.echo(f"broker     {made.broker_cert.parent}")
    click.echo(f"cloud      {made.cloud}")
    for device in devices:
        click.echo(f"device     {made.device(device)}")
    if not devices:
        click.echo("no device yet: add one with --device ID")
