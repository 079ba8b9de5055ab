"""`forecourt vehicle guest`: the guest of a head unit, through its door; must never contain logic."""

import json
from pathlib import Path
from typing import Any

import click

EPILOG = """\b
Through the door of a running head unit (setting door.path):
  export FORECOURT_DOOR=run/door
  forecourt vehicle guest open --agree           a visit begins, the guest agrees to his profile
  forecourt vehicle guest sign-in 7K-3F9Q-ZX2M   with the code of `forecourt profile code` or `stage`
  forecourt vehicle guest status
  forecourt vehicle guest apply                  the guest taps: set also what needs a tap
  forecourt vehicle guest end                    everything of him is wiped
"""
DOOR = click.option(
    "--door",
    type=click.Path(path_type=Path),
    envvar="FORECOURT_DOOR",
    required=True,
    help="Socket of the running agent (setting door.path).",
)
JSON = click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")


@click.group(epilog=EPILOG)
def guest() -> None:
    """The guest in this vehicle: visit, sign-in, what is set, and the end of it."""


@guest.command("open")
@DOOR
@click.option("--agree", is_flag=True, help="The guest agrees to his profile at once, as his tap on the screen says.")
@click.option("--language", type=click.Choice(["de", "en"]), help="Of the texts that he is shown.")
@JSON
def begin(door: Path, agree: bool, language: str | None, as_json: bool) -> None:
    """Begin the visit of a guest, under a new random handle."""
    visit = _ask(door, "open", language=language)
    if agree:
        _ask(door, "grant", purposes=["profile"], language=language)
    words = "with a yes to his profile" if agree else "without a yes nothing of it is kept"
    _tell(visit, as_json, f"visit {visit['subject']} is open, {words}")


@guest.command("sign-in")
@click.argument("code", required=False)
@DOOR
@click.option("--token", type=click.File("r"), help="File with the ID token of an account, instead of a code.")
@JSON
def sign_in(code: str | None, door: Path, token: Any, as_json: bool) -> None:
    """Sign the guest in, with a CODE or the token of an account; exit code 1 where that opens nothing."""
    if (code is None) == (token is None):
        raise click.UsageError("sign in with a CODE or with --token FILE")
    found = _ask(door, "sign_in", **({"code": code} if code else {"token": token.read().strip()}))
    _tell(found, as_json, _state(found))
    if found["phase"] != "open" or found["reason"]:
        raise SystemExit(1)


@guest.command("sign-out")
@DOOR
@JSON
def sign_out(door: Path, as_json: bool) -> None:
    """The profile goes; the visit stays open."""
    found = _ask(door, "sign_out")
    _tell(found, as_json, _state(found))


@guest.command()
@DOOR
@JSON
def status(door: Path, as_json: bool) -> None:
    """Show visit and profile; no value of the guest."""
    visit, profile = _ask(door, "session"), _ask(door, "profile")
    words = f"visit {visit['subject']} {visit['state']}" if visit else "no visit"
    _tell({"visit": visit, "profile": profile}, as_json, f"{words}\n{_state(profile)}")


@guest.command()
@DOOR
@JSON
def apply(door: Path, as_json: bool) -> None:
    """Set the whole profile once more after a tap of the guest, and tell what became of each field."""
    found = _ask(door, "apply")
    lines = [f"{one['field']:<34} {one['outcome']:<9} {one['reason']}".rstrip() for one in found]
    _tell(found, as_json, "\n".join(lines))


@guest.command()
@DOOR
@click.option("--reason", help="A word, such as guest, key_returned.")
@JSON
def end(door: Path, reason: str | None, as_json: bool) -> None:
    """End the visit: everything of the guest is wiped from this vehicle, and it looks whether it is gone."""
    report = _ask(door, "end", reason=reason)
    words = "\n".join(f"{name.replace('_', ' '):<16} {value}" for name, value in report.items())
    _tell(report, as_json, words)


def _ask(door: Path, verb: str, **args: Any) -> Any:
    from gateway.door import ask

    return ask(door, verb, {name: value for name, value in args.items() if value is not None})


def _tell(content: Any, as_json: bool, words: str) -> None:
    click.echo(json.dumps(content, ensure_ascii=False) if as_json else words)


def _state(found: dict[str, Any]) -> str:
    words = f"profile {found['phase']}{': ' + found['reason'] if found['reason'] else ''}"
    if found["phase"] == "open":
        words += f", version {found['version']}, {', '.join(found['groups']) or 'empty'}"
    if found["changes_waiting"]:
        words += f", {found['changes_waiting']} changes wait for the authority"
    return words + (f"; {found['staged']} staged here" if found["staged"] else "")
