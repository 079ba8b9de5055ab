"""Options that several verbs share; must never hold a verb."""

from pathlib import Path

import click

DB = click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("cloud.db"),
    show_default=True,
    help="The inbox.",
)
BROKER = click.option(
    "--broker", metavar="URL", default="mqtt://127.0.0.1:1883", show_default=True, help="mqtt://HOST:PORT or mqtts://…"
)
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object per line, for scripts.")
