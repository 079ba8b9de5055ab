"""`forecourt check`: every mistake of a settings file at once; must never contain logic."""

import os
from pathlib import Path

import click

EPILOG = """\b
For example, a file of a head unit begins so:
  role = "vehicle"
  [device]
  id = "car-1"
  identity = "pki/devices/car-1"
  [store]
  folder = "store"
  [link]
  broker = "mqtts://broker.example:8883"
\b
Any setting can come from the environment: FORECOURT_LINK__BROKER=mqtts://…
All settings: forecourt check --reference
"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--role", help="Check as settings of this role, whatever the file says.")
@click.option("--environment/--no-environment", default=True, show_default=True, help="Take FORECOURT_… into account.")
@click.option("--reference", is_flag=True, help="Print the reference of all settings (Markdown) instead.")
def check(file: Path | None, role: str | None, environment: bool, reference: bool) -> None:
    """Check FILE and the files that it names: each mistake with its line, what is wrong, and what would do.

    Exit code 0: an agent would start with it; 2: it would not.
    """
    from gateway.config import reference_page, settings_of

    if reference:
        click.echo(reference_page(), nl=False)
        return
    if file is None:
        raise click.UsageError("name a FILE to check, or ask for --reference")
    named, settings = settings_of(file, os.environ if environment else {}, role)
    if hasattr(settings, "check_files"):
        settings.check_files()
    click.echo(f"{file}: good settings of the role {named}")
