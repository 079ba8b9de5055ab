"""`forecourt version`: what is installed here; must never contain logic."""

import platform
from importlib.metadata import version as version_of
from importlib.util import find_spec

import click

NEEDS = {"vehicle": ("grpc",), "hub": ("bleak",), "site": ("numpy",), "sim": ("grpc", "iotcore", "rich")}


@click.command()
def version() -> None:
    """What is installed here: versions, and which extras are complete."""
    click.echo(f"forecourt {version_of('forecourt')}, contract forecourt.v1")
    click.echo(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for extra, modules in NEEDS.items():
        missing = [module for module in modules if find_spec(module) is None]
        state = f"missing {', '.join(missing)}: pip install 'forecourt[{extra}]'" if missing else "installed"
        click.echo(f"extra {extra:<8} {state}")
