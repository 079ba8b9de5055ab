"""`forecourt profile cards` and `forecourt profile fit`: models, and a guest in two of them; must never hold logic."""

import json
from typing import Any

import click

from gateway.errors import InputError
from gateway.profile.fit import Card, Trial, attempt, load_card, load_cards, middle_readings, reading

CARDS_EPILOG = """\b
Examples:
  forecourt profile cards              the models that are installed
  forecourt profile cards suv          what one of them can be set to
  forecourt profile cards mine.toml    is this card good?
"""
FIT_EPILOG = """\b
Examples:
  forecourt profile fit --from saloon --to suv
  forecourt profile fit --from saloon --to city --set Position=255 --set Backrest.Recline=24
  forecourt profile fit --from suv --to mine.toml --json
\b
LEAF is the end of a path of VSS (Position, Height, Tilt, Backrest.Recline, SteeringWheel.Extension) or the whole path.
Leaves that are not given stand in the middle of their range.
"""
JSON = click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")


@click.command(epilog=CARDS_EPILOG)
@click.argument("name", required=False)
@JSON
def cards(name: str | None, as_json: bool) -> None:
    """List the vehicle cards, or show what one model can be set to. NAME is a card's id or a file *.toml."""
    if name is None:
        found = load_cards()
        click.echo(json.dumps([_summary(card) for card in found.values()], indent=2) if as_json else _listed(found))
        return
    card = load_card(name)
    click.echo(json.dumps(_summary(card) | {"actuators": _actuators(card)}, indent=2) if as_json else _shown(card))


@click.command("fit", epilog=FIT_EPILOG)
@click.option("--from", "there", required=True, metavar="CARD", help="The model in which the guest sits well.")
@click.option("--to", "here", required=True, metavar="CARD", help="The model that he comes to.")
@click.option("--set", "settings", multiple=True, metavar="LEAF=VALUE", help="How he set a leaf there; again for more.")
@JSON
def fit_verb(there: str, here: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Show what a seat, mirrors, climate and radio of one model become in another. Nothing moves, nothing is kept."""
    old, new = load_card(there), load_card(here)
    raw = middle_readings(old)
    try:
        for one in settings:
            path, value = reading(old, one)
            raw[path] = value
    except InputError as error:
        raise click.BadParameter(str(error), param_hint="--set") from error
    trial = attempt(old, new, raw, load_cards())
    click.echo(json.dumps(_as_json(trial), indent=2) if as_json else _fitted(old, new, trial))


def _summary(card: Card) -> dict[str, Any]:
    return {
        "id": card.id,
        "revision": card.revision,
        "model": card.model,
        "body": card.body,
        "drive_side": card.drive_side.value,
        "vss_major": card.vss_major,
        "zones": list(card.zones),
        "bands": list(card.radio.bands),
        "features": sorted(card.features),
        "geometry": card.geometry is not None,
    }


def _actuators(card: Card) -> dict[str, Any]:
    return {
        path: {"unit": one.unit, "low": one.low, "high": one.high, "step": one.step, "policy": one.policy.value}
        for path, one in card.actuators.items()
    }


def _listed(found: dict[str, Card]) -> str:
    lines = [f"{'card':<12} {'rev':>3}  {'drive':<5}  {'zones':>5}  {'leaves':>6}  model"]
    lines += [
        f"{card.id:<12} {card.revision:>3}  {card.drive_side.value:<5}  {len(card.zones):>5}  "
        f"{len(card.actuators):>6}  {card.model}{'' if card.geometry else ' (no geometry: ranges only)'}"
        for card in found.values()
    ]
    return "\n".join(lines)


def _shown(card: Card) -> str:
    lines = [f"{card.id} revision {card.revision}: {card.model}, {card.body}, {card.drive_side.value}-hand drive"]
    for path, one in card.actuators.items():
        if one.low is None or one.high is None:
            lines.append(f"  {path:<68} {' '.join(one.words) or 'text'}")
        else:
            span = f"{one.low:g} to {one.high:g} {one.unit} by {one.step or 0:g}"
            lines.append(f"  {path:<68} {span}, {one.policy.value}")
    return "\n".join(lines)


def _as_json(trial: Trial) -> dict[str, Any]:
    return {
        "confidence": trial.fit.confidence.value,
        "residual_mm": trial.fit.residual_mm,
        "targets": [
            {
                "field": one.field, "path": one.path, "there": trial.raw.get(one.path), "here": one.value,
                "clamped": one.clamped, "residual": one.residual, "why": one.why,
            }
            for one in trial.fit.targets
        ],
        "skipped": [{"field": field, "why": why} for field, why in trial.fit.skipped],
    }  # fmt: skip


def _fitted(old: Card, new: Card, trial: Trial) -> str:
    lines = [f"{'field':<32} {old.id:>6} {new.id:>8}  leaf"]
    for one in trial.fit.targets:
        before = trial.raw.get(one.path, "-")
        note = f"  ({one.why})" if one.why else ""
        lines.append(f"{one.field:<32} {_text(before):>6} {_text(one.value):>8}  {one.path}{note}")
    lines += [f"{field:<32} {'':>6} {'-':>8}  {why}" for field, why in trial.fit.skipped]
    lines.append(f"confidence {trial.fit.confidence.value}; legs and shoulders miss by {trial.fit.residual_mm:.1f} mm")
    return "\n".join(lines)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
