"""Steps in German and English; must never compute a route."""

from typing import Final

from showroom_agent.nav.steps import Side, Step, Turn
from showroom_agent.plan import Names

_TURNS: Final = {
    Turn.SLIGHT_LEFT: Names("leicht links halten", "bear left"),
    Turn.LEFT: Names("links abbiegen", "turn left"),
    Turn.SHARP_LEFT: Names("scharf links abbiegen", "turn sharp left"),
    Turn.SLIGHT_RIGHT: Names("leicht rechts halten", "bear right"),
    Turn.RIGHT: Names("rechts abbiegen", "turn right"),
    Turn.SHARP_RIGHT: Names("scharf rechts abbiegen", "turn sharp right"),
}
_SIDES: Final = {
    Side.LEFT: Names("auf der linken Seite", "on your left"),
    Side.RIGHT: Names("auf der rechten Seite", "on your right"),
    Side.AHEAD: Names("vor Ihnen", "in front of you"),
}


def metres(value: float, language: str) -> str:
    """As a person says it: whole metres, and tens beyond a hundred."""
    rounded = round(value, -1) if value >= 100 else max(1, round(value))
    return f"{rounded:.0f} Meter" if language == "de" else f"{rounded:.0f} metre{'' if rounded == 1 else 's'}"


def say(step: Step, language: str) -> str:
    """One sentence for a step at the moment when it is to be done."""
    german = language == "de"
    mark = _quoted(step.mark, language)
    far = metres(step.then_m, language)
    if step.turn is Turn.ARRIVE:
        side = _SIDES[step.side or Side.AHEAD].of(language)
        return f"Ziel erreicht: {mark} {side}." if german else f"You have arrived: {mark} is {side}."
    if step.turn is Turn.START:
        if german:
            return f"Richtung {mark} gehen, {far}." if mark else f"Geradeaus losgehen, {far}."
        return f"Walk towards {mark}, {far}." if mark else f"Walk straight on, {far}."
    if step.turn is Turn.THROUGH:
        return f"Durch {mark} gehen, dann {far}." if german else f"Go through {mark}, then {far}."
    turn = _TURNS[step.turn].of(language)
    if german:
        text = f"Auf Höhe von {mark} {turn}" if mark else turn
        return f"{text[0].upper()}{text[1:]}, dann {far}."
    text = f"At {mark} {turn}" if mark else turn
    return f"{text[0].upper()}{text[1:]}, then {far}."


def ahead(step: Step, far_m: float, language: str) -> str:
    """The same step while it is still `far_m` away."""
    sentence = say(step, language)
    if step.turn is Turn.START or far_m < 1.0:
        return sentence
    if step.turn is Turn.ARRIVE:
        mark, side = _quoted(step.mark, language), _SIDES[step.side or Side.AHEAD].of(language)
        return f"In {metres(far_m, language)}: {mark} {side}."
    return f"In {metres(far_m, language)}: {sentence}"


def _quoted(names: Names | None, language: str) -> str:
    if names is None:
        return ""
    return f"„{names.de}“" if language == "de" else f"“{names.en}”"
