"""The verb that serves as the cloud's end; must never hold what a back end would want to call."""

import asyncio
from pathlib import Path

import click

from gateway import log
from gateway.cli.options import BROKER, DB


@click.command()
@click.option(
    "--identity",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with the cloud's keys and devices/ID.pub, as `forecourt pki dev` makes it.",
)
@BROKER
@DB
@click.option("--sink", default="sqlite", show_default=True, help="Where effects go: an installed sink's name.")
@click.option(
    "--consent",
    type=click.Choice(["required", "local"]),
    default="required",
    show_default=True,
    help="required: events about a guest need a record of consent of this authority. local: devices answer themselves"
    " for the grants in their settings.",
)
@click.option(
    "--parties",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file that names the controller and the place for records of consent; without it an example does.",
)
@click.option(
    "--door",
    type=click.Path(path_type=Path),
    help="Unix socket where `forecourt consent … --subject HEX` and apps ask the authority.",
)
@click.option("--door-user", "door_users", type=int, multiple=True, help="Id of a user who may ask, beside this one.")
@click.option(
    "--courier",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for requests to confirm marketing, instead of sending them; for a desk.",
)
@click.option(
    "--accounts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='TOML file of OpenID providers whose accounts open profiles (role = "accounts", see docs/profile.md).',
)
@click.option("--health-port", type=int, help="Serve /live, /ready and /metrics on 127.0.0.1 at this port.")
@click.option("--log-json", is_flag=True, help="Log events as JSON lines.")
def run(
    identity: Path,
    broker: str,
    db: Path,
    sink: str,
    consent: str,
    parties: Path | None,
    door: Path | None,
    door_users: tuple[int, ...],
    courier: Path | None,
    accounts: Path | None,
    health_port: int | None,
    log_json: bool,
) -> None:
    """Serve until SIGTERM or Ctrl-C: subscribe, take in, send receipts.

    Devices enrolled later are found by themselves. Kill it whenever you like: what it had receipted is on disk, what
    it had not is sent again.
    """
    log.to_stream(as_json=log_json)
    from gateway.cloud.process import serve
    from gateway.cloud.sinks import make_sink
    from gateway.cloud.sqlite_sink import SqliteSink
    from gateway.consent.policy import SignalPolicy

    made = SqliteSink(SignalPolicy.load().purposes) if sink == "sqlite" else make_sink(sink)
    required = consent == "required"
    asyncio.run(
        serve(
            *(identity, broker, db, made, health_port),
            consent=required,
            parties=parties,
            door=door,
            door_users=door_users,
            courier=courier,
            accounts=accounts,
        )
    )
