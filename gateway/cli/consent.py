"""`forecourt consent`: a guest's yes and no, and the papers about them; must never contain logic."""

import json
from pathlib import Path

import click

EPILOG = """\b
Papers, without an agent or a network:
  forecourt consent register                       what is done with whose data, and why (GDPR Art. 30)
  forecourt consent verify --key cloud.pub *.json  are these records what the authority signed?
"""
JSON = click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")


@click.group(epilog=EPILOG)
def consent() -> None:
    """A guest's yes and no: records, what they allow, who answers for it."""


@consent.command()
@click.option(
    "--parties",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Who is responsible (TOML); the example that ships otherwise.",
)
@JSON
def register(parties: Path | None, as_json: bool) -> None:
    """Print the record of processing activities (GDPR Art. 30), made from what the software enforces."""
    from gateway.consent.parties import Parties
    from gateway.consent.processing import as_text, processing

    record = processing(Parties.load(parties))
    click.echo(json.dumps(record, indent=1, ensure_ascii=False) if as_json else as_text(record), nl=as_json)


@consent.command()
@click.option(
    "--key",
    "keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    required=True,
    help="Public key of the authority (PEM); give it again for an older key.",
)
@click.option("--linked", is_flag=True, help="Print the good records as JSON-LD in terms of the DPV instead.")
@click.argument("records", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1, required=True)
def verify(keys: tuple[Path, ...], linked: bool, records: tuple[Path, ...]) -> None:
    """Verify RECORDS, oldest first: signature, form, and that each follows from the one before. Offline.

    Exit code 0: all are good; 1: one is not, and why is told.
    """
    from gateway.consent.linked import to_linked
    from gateway.consent.papers import public_key, verified

    outcome = verified([(path.name, path.read_bytes()) for path in records], [public_key(path) for path in keys])
    for name, record in outcome.good:
        if linked:
            click.echo(json.dumps(to_linked(record), ensure_ascii=False))
            continue
        click.echo(f"{name}: good, version {record.version} of visit {record.subject:016x}")
        for one in record.purposes:
            click.echo(f"  {one.purpose.word}: {one.state.word}, {one.scope.word}")
    if outcome.bad:
        click.echo(outcome.bad, err=True)
        raise SystemExit(1)
