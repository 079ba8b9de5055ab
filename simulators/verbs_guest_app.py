"""`forecourt sim guest-app`: a guest's phone at a desk; must never contain logic."""

import json
from pathlib import Path
from typing import Any

import click

EPILOG = """\b
With the doors of a running cloud kit and a running head unit:
  forecourt sim guest-app new --folder jan --cloud run/cloud-door
  forecourt sim guest-app set seat.leg_mm=812 --folder jan --cloud run/cloud-door
  forecourt vehicle guest open --agree --door run/door
  forecourt sim guest-app open-car --folder jan --car run/door --device car-1
  forecourt sim guest-app show --folder jan --cloud run/cloud-door     what the car changed meanwhile
"""
FOLDER = click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where the app keeps its key."
)
CLOUD = click.option("--cloud", type=click.Path(path_type=Path), required=True, help="Door of the cloud kit.")


@click.group("guest-app", epilog=EPILOG)
def guest_app() -> None:
    """A guest's app: makes a profile, writes settings, opens a car with a key."""


@guest_app.command()
@FOLDER
@CLOUD
def new(folder: Path, cloud: Path) -> None:
    """Make a profile and a key that opens it."""
    from simulators.guest_app import GuestApp

    click.echo(f"profile {GuestApp.new(folder, cloud).profile}, with a key in {folder}")


@guest_app.command()
@FOLDER
@CLOUD
def show(folder: Path, cloud: Path) -> None:
    """Show the profile, and who changed what since it was shown last."""
    from simulators.guest_app import GuestApp

    _, found, news = GuestApp.load(folder).show(cloud)
    for line in news:
        click.echo(f"new: {line}")
    _tell(found)


@guest_app.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="FIELD=VALUE...")
@FOLDER
@CLOUD
def write(settings: tuple[str, ...], folder: Path, cloud: Path) -> None:
    """Write settings; VALUE is JSON where it can be read as such. Cars that have the profile are told at once."""
    from gateway.cli.profile import setting
    from simulators.guest_app import GuestApp

    _, found = GuestApp.load(folder).set(cloud, dict(setting(one) for one in settings))
    _tell(found)


@guest_app.command("open-car")
@FOLDER
@click.option("--car", type=click.Path(path_type=Path), required=True, help="Door of the head unit.")
@click.option("--device", required=True, help="Its id, which the key signs too.")
def open_car(folder: Path, car: Path, device: str) -> None:
    """Sign the guest in on a car where his visit is open; exit code 1 where that opens nothing."""
    from simulators.guest_app import GuestApp

    found = GuestApp.load(folder).open_car(car, device)
    reason = f": {found['reason']}" if found["reason"] else ""
    click.echo(f"profile {found['phase']}{reason}, version {found['version']}")
    if found["phase"] != "open" or found["reason"]:
        raise SystemExit(1)


def _tell(found: dict[str, Any]) -> None:
    click.echo(f"version {found['version']}")
    for key, one in found["fields"].items():
        click.echo(f"{key:<34} {json.dumps(one['value'], ensure_ascii=False):<24} {one['set_in']}")
