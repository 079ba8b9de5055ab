"""`forecourt profile`: profiles at the authority, and what they become in a car; must never contain logic."""

import json
from pathlib import Path
from typing import Any

import click

from gateway.cli.profile_fit import cards, fit_verb

EPILOG = """\b
Beside the cloud kit, through its door (`forecourt cloud run --door run/cloud-door`):
  export FORECOURT_DOOR=run/cloud-door
  forecourt profile new                                   prints the profile's name
  forecourt profile set 5f2a… seat.leg_mm=812 radio.presets='["dab:e0.10bc.d3a1"]'
  forecourt profile code 5f2a…                            what the guest types into a car
  forecourt profile stage 5f2a… --device car-1            a booked car: opens without a network
\b
Without any door:
  forecourt profile fields                                what a profile holds
  forecourt profile fit --from saloon --to suv            what a seat becomes in another model
"""
JSON = click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")
DOOR = click.option(
    "--door",
    type=click.Path(path_type=Path),
    envvar="FORECOURT_DOOR",
    required=True,
    help="Socket of the running cloud kit (--door of `forecourt cloud run`).",
)
PROFILE = click.argument("profile", metavar="PROFILE")


@click.group(epilog=EPILOG)
def profile() -> None:
    """A guest's profile: what it holds, who may have it, and what it becomes in each model."""


profile.add_command(cards)
profile.add_command(fit_verb)


@profile.command()
@JSON
def fields(as_json: bool) -> None:
    """List the fields of a profile: group, unit, range."""
    from gateway.profile import FIELDS

    if as_json:
        found = [{"field": s.key, "group": s.group, "unit": s.unit, "kind": s.kind.value} for s in FIELDS.values()]
        click.echo(json.dumps(found, indent=1))
        return
    for spec in FIELDS.values():
        bounds = f"{spec.low:g} to {spec.high:g} {spec.unit}" if spec.low is not None else spec.kind.value
        click.echo(f"{spec.group:<18} {spec.key:<34} {bounds}")


@profile.command()
@DOOR
@JSON
def new(door: Path, as_json: bool) -> None:
    """Make an empty profile, and print its name."""
    found = _ask(door, "new")
    _tell(found, as_json, found["profile"])


@profile.command()
@PROFILE
@DOOR
@JSON
def show(profile: str, door: Path, as_json: bool) -> None:
    """Show what a profile holds, field by field, and where each was set."""
    found = _ask(door, "show", profile=profile)
    _tell(found, as_json, _shown(found))


@profile.command("set")
@PROFILE
@click.argument("settings", nargs=-1, required=True, metavar="FIELD=VALUE...")
@DOOR
@click.option("--if-version", type=int, help="Only if the profile is at this version still; otherwise exit code 3.")
@JSON
def write(profile: str, settings: tuple[str, ...], door: Path, if_version: int | None, as_json: bool) -> None:
    """Write fields, as an app would; FIELD= deletes one. Vehicles that have the profile are told at once."""
    values = dict(setting(one) for one in settings)
    found = _ask(door, "set", profile=profile, values=values, if_version=if_version)
    if "conflict" in found:
        now = found["conflict"]
        _tell(found, as_json, f"not written: the profile is at version {now['version']} by now\n{_shown(now)}")
        raise SystemExit(3)
    _tell(found, as_json, _shown(found))


@profile.command()
@PROFILE
@DOOR
@JSON
def history(profile: str, door: Path, as_json: bool) -> None:
    """Show who changed what and when, newest first."""
    found = _ask(door, "history", profile=profile)
    lines = [f"{one['version']:>5}  {one['at']}  {one['by']:<20} {', '.join(one['groups'])}" for one in found]
    _tell(found, as_json, "\n".join(lines) or "nothing was ever written")


@profile.command()
@PROFILE
@DOOR
@JSON
def reported(profile: str, door: Path, as_json: bool) -> None:
    """Show what vehicles said became of it, field by field."""
    found = _ask(door, "reported", profile=profile)
    lines = []
    for one in found:
        lines.append(f"{one['device']}, visit {one['visit']}, version {one['version']}")
        lines += [f"  {o['field']:<34} {o['outcome']:<9} {o['reason']}".rstrip() for o in one["outcomes"]]
    _tell(found, as_json, "\n".join(lines) or "no vehicle has had it")


@profile.command()
@PROFILE
@DOOR
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of the screen.")
def export(profile: str, door: Path, out: Path | None) -> None:
    """Everything that is held of a profile, as JSON (GDPR Art. 15 and 20)."""
    text = json.dumps(_ask(door, "export", profile=profile), indent=1, ensure_ascii=False) + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    out.touch(0o600)
    out.chmod(0o600)
    out.write_text(text, "utf-8")


@profile.command()
@PROFILE
@DOOR
@click.confirmation_option("--yes", prompt="Erase everything of this profile?", help="Do not ask.")
def erase(profile: str, door: Path) -> None:
    """Erase everything of a profile (GDPR Art. 17), here and in every vehicle that has it or will wake with it."""
    _ask(door, "erase", profile=profile)
    click.echo("erased; a vehicle that still has it forgets it when it connects, and can write nothing back")


@profile.command()
@PROFILE
@DOOR
@click.option("--device", help="Only in this vehicle.")
@click.option("--life", "life_s", type=int, metavar="SECONDS", help="How long it opens the profile; else 600.")
@JSON
def code(profile: str, door: Path, device: str | None, life_s: int | None, as_json: bool) -> None:
    """Print a sign-in code that opens the profile once."""
    found = _ask(door, "code", profile=profile, device=device, life_s=life_s)
    _tell(found, as_json, found["code"])


@profile.command()
@PROFILE
@DOOR
@click.option("--device", required=True, help="The booked vehicle.")
@click.option("--lease", "lease_s", type=int, metavar="SECONDS", help="When the vehicle forgets it; else a day.")
@JSON
def stage(profile: str, door: Path, device: str, lease_s: int | None, as_json: bool) -> None:
    """Send the profile ahead to a vehicle, sealed under a new code, which opens it there without a network."""
    found = _ask(door, "stage", profile=profile, device=device, lease_s=lease_s)
    words = f"{found['code']}\nunstage: forecourt profile unstage {found['stage']} --device {device}"
    _tell(found, as_json, words)


@profile.command()
@click.argument("stage")
@DOOR
@click.option("--device", required=True, help="The vehicle that it was sent to.")
def unstage(stage: str, door: Path, device: str) -> None:
    """The booking is off: the vehicle forgets STAGE, and its code opens nothing any more."""
    _ask(door, "unstage", stage=stage, device=device)
    click.echo("on its way to the vehicle")


@profile.command()
@PROFILE
@click.argument("public_key", metavar="KEY")
@DOOR
def key(profile: str, public_key: str, door: Path) -> None:
    """Let a key (Ed25519 public key, base64), such as a phone's, open the profile from now on."""
    _ask(door, "key", profile=profile, key=public_key)
    click.echo("the key opens the profile")


def _ask(door: Path, verb: str, **args: Any) -> Any:
    from gateway.door import ask

    return ask(door, f"profile_{verb}", {name: value for name, value in args.items() if value is not None})


def _tell(content: Any, as_json: bool, words: str) -> None:
    click.echo(json.dumps(content, ensure_ascii=False) if as_json else words)


def setting(text: str) -> tuple[str, Any]:
    """FIELD=VALUE; a value is JSON where it can be read as such, otherwise a text; an empty one deletes."""
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r}: write FIELD=VALUE", param_hint="FIELD=VALUE")
    if not value:
        return name, None
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _shown(found: dict[str, Any]) -> str:
    rows = [
        f"{key:<34} {json.dumps(one['value'], ensure_ascii=False):<24} {one['set_in']} {one['at']}"
        for key, one in found["fields"].items()
    ]
    return "\n".join([f"version {found['version']}", *rows])
