"""`forecourt consent`: a guest's yes and no, and the papers about them; must never contain logic."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

EPILOG = """\b
On a device, or beside the cloud kit (then with --subject), through the door of the running process:
  forecourt consent open --door run/door
  forecourt consent grant driving_behaviour profile --door run/door
  forecourt consent withdraw driving_behaviour --door run/door
  forecourt consent status --door run/door
\b
Papers, without an agent or a network:
  forecourt consent register                       what is done with whose data, and why (GDPR Art. 30)
  forecourt consent verify --key cloud.pub *.json  are these records what the authority signed?
"""
JSON = click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")
DOOR = click.option(
    "--door",
    type=click.Path(path_type=Path),
    envvar="FORECOURT_DOOR",
    required=True,
    help="Socket of the running agent or cloud kit (setting door.path, --door of `forecourt cloud run`).",
)
SUBJECT = click.option("--subject", metavar="HEX", help="Handle of the visit; only at the door of the cloud kit.")
SURFACE = click.option("--surface", help="Where the guest said it: head_unit, kiosk, phone or staff.")
LANGUAGE = click.option("--language", help="Language of the text that was shown: de or en.")
_CONFIRMED = {True: "confirmed", False: "not confirmed yet"}
PURPOSES = click.argument("purposes", nargs=-1, required=True)


@click.group(epilog=EPILOG)
def consent() -> None:
    """A guest's yes and no: records, what they allow, who answers for it."""


@consent.command("open")
@DOOR
@SURFACE
@LANGUAGE
@JSON
def begin(door: Path, surface: str | None, language: str | None, as_json: bool) -> None:
    """Begin the visit of a guest on this device, under a new random handle."""
    visit = _ask(door, "open", surface=surface, language=language)
    _tell(visit, as_json, f"visit {visit['subject']} is open; without a yes nothing of it is kept")


@consent.command()
@DOOR
@click.option("--svg", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write the code here.")
def qr(door: Path, svg: Path | None) -> None:
    """Show the code that opens the page of this visit on a phone; whoever scans it may decide for the guest."""
    found = _ask(door, "link")
    if svg is not None:
        svg.write_text(found["svg"], "utf-8")
    click.echo(found["text"] if svg is None else "", nl=False)
    click.echo(found["link"])


@consent.command()
@PURPOSES
@DOOR
@SUBJECT
@click.option("--scope", help="How far it may go: in_vehicle, site, cloud or cdp; otherwise as far as each may.")
@SURFACE
@LANGUAGE
@JSON
def grant(
    purposes: tuple[str, ...],
    door: Path,
    subject: str | None,
    scope: str | None,
    surface: str | None,
    language: str | None,
    as_json: bool,
) -> None:
    """Say yes to PURPOSES. On a device it holds inside at once, and for the cloud once the authority has signed it."""
    view = _ask(
        door, "grant", subject=subject, purposes=list(purposes), scope=scope, surface=surface, language=language
    )
    _tell(view, as_json, _table(view))


@consent.command()
@PURPOSES
@DOOR
@SUBJECT
@SURFACE
@JSON
def withdraw(purposes: tuple[str, ...], door: Path, subject: str | None, surface: str | None, as_json: bool) -> None:
    """Say no to PURPOSES; when this returns, nothing of them can be read or sent from here any more."""
    done = _ask(door, "withdraw", subject=subject, purposes=list(purposes), surface=surface)
    _tell(done, as_json, _facts(done))


@consent.command()
@DOOR
@SUBJECT
@JSON
def status(door: Path, subject: str | None, as_json: bool) -> None:
    """What is in force, purpose by purpose."""
    view = _ask(door, "status", subject=subject)
    _tell(view, as_json, _table(view))


@consent.command()
@DOOR
@SUBJECT
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write each record as a file that `verify` takes, instead of printing them.",
)
def receipt(door: Path, subject: str | None, folder: Path | None) -> None:
    """The signed records of the visit, oldest first: the guest's evidence."""
    from gateway.consent.papers import keep

    records = _ask(door, "receipt", subject=subject)
    if folder is None:
        click.echo(json.dumps(records, indent=1, ensure_ascii=False))
        return
    for path in keep(records, folder):
        click.echo(path)


@consent.command()
@DOOR
@JSON
def left(door: Path, as_json: bool) -> None:
    """Show what left this device about the guest of now: hour (UTC), events, and the purposes that they stood on."""
    found = _ask(door, "left")
    lines = [f"{_hour(one['hour_us'])}  {one['events']:>8} events  {', '.join(one['purposes'])}" for one in found]
    _tell(found, as_json, "\n".join(lines) or "nothing has left")


@consent.command()
@DOOR
@SUBJECT
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of the screen.")
def export(door: Path, subject: str | None, out: Path | None) -> None:
    """Everything that is held of the guest, as JSON (GDPR Art. 15 and 20)."""
    text = json.dumps(_ask(door, "export", subject=subject), indent=1, ensure_ascii=False) + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    out.write_text(text, "utf-8")
    out.chmod(0o600)


@consent.command()
@DOOR
@SUBJECT
@JSON
@click.confirmation_option("--yes", prompt="Erase everything of this guest?", help="Do not ask.")
def erase(door: Path, subject: str | None, as_json: bool) -> None:
    """Erase everything of the guest (GDPR Art. 17), here and by request wherever it went."""
    done = _ask(door, "erase", subject=subject)
    _tell(done, as_json, _facts(done))


@consent.command()
@DOOR
@click.option("--subject", metavar="HEX", required=True, help="Handle of the visit.")
@JSON
def spread(door: Path, subject: str, as_json: bool) -> None:
    """Show to which devices the records of a visit went, and which of them has confirmed; at the cloud's door."""
    found = _ask(door, "spread", subject=subject)
    lines = [f"{one['device']} version {one['version']}: {_CONFIRMED[one['confirmed']]}" for one in found]
    _tell(found, as_json, "\n".join(lines) or "to none: no device has this visit")


@consent.command()
@PURPOSES
@DOOR
@click.option("--subject", metavar="HEX", required=True, help="Handle of the visit.")
@click.option("--address", required=True, help="Where the confirmation is sent; only its salted hash is kept.")
@SURFACE
@LANGUAGE
@JSON
def request(
    purposes: tuple[str, ...],
    door: Path,
    subject: str,
    address: str,
    surface: str | None,
    language: str | None,
    as_json: bool,
) -> None:
    """Ask for marketing PURPOSES: pending until whoever holds the address confirms; at the cloud's door."""
    more = {"surface": surface, "language": language}
    view = _ask(door, "request", subject=subject, purposes=list(purposes), address=address, **more)
    _tell(view, as_json, _table(view))


@consent.command()
@click.argument("purpose")
@DOOR
@click.option("--token", required=True, help="As it was sent.")
@LANGUAGE
@JSON
def confirm(purpose: str, door: Path, token: str, language: str | None, as_json: bool) -> None:
    """Confirm a marketing PURPOSE with the token that was sent; at the cloud's door."""
    view = _ask(door, "confirm", purposes=[purpose], token=token, language=language)
    _tell(view, as_json, _table(view))


@consent.command()
@DOOR
@click.option("--reason", help="A word, such as guest, key_returned.")
@JSON
def end(door: Path, reason: str | None, as_json: bool) -> None:
    """End the visit: send what may be sent for a moment, then wipe everything of it and look whether it is gone."""
    report = _ask(door, "end", reason=reason)
    _tell(report, as_json, _facts(report))


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


def _ask(door: Path, verb: str, **args: Any) -> Any:
    from gateway.door import ask

    return ask(door, verb, {name: value for name, value in args.items() if value is not None})


def _tell(content: Any, as_json: bool, words: str) -> None:
    click.echo(json.dumps(content, ensure_ascii=False) if as_json else words)


def _table(view: dict[str, Any]) -> str:
    rows = [
        f"{one['purpose']:<20} {one['state']:<21} {one['scope']:<11}{'' if one['confirmed'] else _note(one)}".rstrip()
        for one in view["purposes"]
    ]
    return "\n".join([f"visit {view['subject']}, record {view['version']}", *rows])


def _hour(hour_us: int) -> str:
    return datetime.fromtimestamp(hour_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:00")


def _note(one: dict[str, Any]) -> str:
    return f"asked for {one['asked']}, not confirmed" if one["asked"] != "none" else ""


def _facts(content: dict[str, Any]) -> str:
    return "\n".join(f"{name.replace('_', ' '):<16} {value}" for name, value in content.items())
