"""Stations by who they are, not where they send; must never tune to something that this car cannot receive.

A key names a service in one band: `dab:ECC.EID.SID` and `fm:PI@KHZ` in hexadecimal as broadcast, or `uri:ADDRESS`.
A DAB service whose SId equals the PI code of an FM programme is the same station (implicit linking of ETSI TS 103 176).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.profile.fields import Value
from gateway.profile.fit.card import Card, Radio
from gateway.profile.fit.leaves import MEDIA, PRIVATE
from gateway.profile.fit.values import Setting, Target

BANDS: Final = ("FM", "DAB", "ONLINE")
SOURCES: Final = {"FM": "FM", "DAB": "DAB", "ONLINE": "INTERNET"}
"""Names of the bands among VSS's sources of media."""
KEY_CHARS_MAX: Final = 256
PRESETS_MAX: Final = 64
_DAB: Final = re.compile(r"dab:([0-9a-f]{2})\.([0-9a-f]{4})\.([0-9a-f]{4}|[0-9a-f]{8})", re.ASCII)
_FM: Final = re.compile(r"fm:([0-9a-f]{4})@(\d{5,6})", re.ASCII)
_URI: Final = re.compile(r"uri:https?://[\x21-\x7e]+", re.ASCII)
BAND, FREQUENCY, SERVICE = "radio.band", "radio.frequency_khz", "radio.service_id"
PRESETS, VOLUME = "radio.presets", "radio.volume_pct"
PATHS: Final[Mapping[str, str]] = {
    BAND: MEDIA + "Played.Source",
    FREQUENCY: PRIVATE + "Radio.Frequency",
    SERVICE: PRIVATE + "Radio.Service",
    PRESETS: PRIVATE + "Radio.Presets",
    VOLUME: MEDIA + "Volume",
}


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its key, its band, the code that FM and DAB share, and the frequency of FM."""

    key: str
    band: str
    code: str
    khz: int | None = None


def service(key: str) -> Service | None:
    """What a key names; None for what is none."""
    if len(key) > KEY_CHARS_MAX:
        return None
    text = key if key.startswith("uri:") else key.lower()
    if dab := _DAB.fullmatch(text):
        return Service(text, "DAB", dab[3] if len(dab[3]) == 4 else text)
    if fm := _FM.fullmatch(text):
        return Service(text, "FM", fm[1], int(fm[2]))
    return Service(text, "ONLINE", text) if _URI.fullmatch(text) else None


def receivable(key: str, radio: Radio) -> Service | None:
    """The same station as this car receives it: in the same band if it can, else in another; None if in none."""
    wanted = service(key)
    if wanted is None:
        return None
    ways = [wanted]
    for station in radio.stations:
        known = [one for one in map(service, station.services) if one is not None]
        if any(one.code == wanted.code for one in known):
            # What is received here stands before what was received there: an FM station has many frequencies.
            ways = [*known, wanted] if any(one.band == wanted.band for one in known) else [wanted, *known]
            break
    order = sorted(ways, key=lambda one: one.band != wanted.band)
    return next((one for one in order if _receives(one, radio)), None)


def _receives(one: Service, radio: Radio) -> bool:
    if one.band not in radio.bands:
        return False
    if one.khz is None:
        return True
    on_raster = (one.khz - radio.fm_low_khz) % radio.fm_step_khz == 0
    return radio.fm_low_khz <= one.khz <= radio.fm_high_khz and on_raster


def presets_for(keys: Iterable[str], radio: Radio) -> tuple[tuple[str, ...], list[str]]:
    """Favourites that this car receives, in their order and none twice, and why others are missing."""
    found: list[str] = []
    missing = full = 0
    for key in list(keys)[:PRESETS_MAX]:
        one = receivable(key, radio)
        if one is None:
            missing += 1
        elif one.key not in found:
            if len(found) < radio.presets_max:
                found.append(one.key)
            else:
                full += 1
    why = [f"{missing} cannot be received in this car"] if missing else []
    if full:
        why.append(f"{full} find no room among its {radio.presets_max} keys")
    return tuple(found), why


def fit_radio(values: Mapping[str, Value], card: Card) -> tuple[list[Target], list[tuple[str, str]]]:
    """Band, frequency, service, favourites and volume for this car, and what is left out."""
    targets: list[Target] = []
    skipped: list[tuple[str, str]] = []
    if any(field in values for field in (BAND, FREQUENCY, SERVICE)):
        _tune(values, card, targets, skipped)
    presets = values.get(PRESETS)
    if isinstance(presets, Sequence) and not isinstance(presets, str):
        found, why = presets_for(presets, card.radio)
        _put(card, targets, skipped, PRESETS, found, bool(why), "; ".join(why))
    volume = values.get(VOLUME)
    if isinstance(volume, int | float):
        one = card.actuator(PATHS[VOLUME])
        if one is None:
            skipped.append((VOLUME, "this car has no volume to set"))
        else:
            setting = one.snap(volume)
            short = abs(setting - volume) > (one.step or 1.0)
            why_short = f"the volume ends at {one.ends[1]:g}" if short else ""
            targets.append(Target(VOLUME, one.path, setting, short, why_short, residual=setting - volume))
    return targets, skipped


def _tune(values: Mapping[str, Value], card: Card, targets: list[Target], skipped: list[tuple[str, str]]) -> None:
    key, band, khz = values.get(SERVICE), values.get(BAND), values.get(FREQUENCY)
    found = receivable(key, card.radio) if isinstance(key, str) else None
    fields = [field for field in (BAND, FREQUENCY, SERVICE) if field in values]
    if isinstance(key, str) and found is None:
        skipped.extend((field, "this station cannot be received in this car") for field in fields)
        return
    if found is not None:
        other = isinstance(band, str) and band != found.band
        why = f"is received by {found.band} here" if other else ""
        _put(card, targets, skipped, SERVICE, found.key, False, why)
        _put(card, targets, skipped, BAND, SOURCES[found.band], other, why)
        if found.khz is not None:
            moved = isinstance(khz, int | float) and khz != found.khz
            _put(card, targets, skipped, FREQUENCY, found.khz, False, "sends on this frequency here" if moved else "")
        elif FREQUENCY in values:
            skipped.append((FREQUENCY, f"{found.band} needs no frequency"))
        return
    if isinstance(band, str):
        if band in SOURCES and band in card.radio.bands:
            _put(card, targets, skipped, BAND, SOURCES[band])
        else:
            skipped.append((BAND, "this car has no such band"))
    if isinstance(khz, int | float):
        alone = Service("", "FM", "", round(khz))
        if band in {None, "FM"} and _receives(alone, card.radio):
            _put(card, targets, skipped, FREQUENCY, round(khz))
        else:
            skipped.append((FREQUENCY, "this car cannot tune to it"))


def _put(
    card: Card,
    targets: list[Target],
    skipped: list[tuple[str, str]],
    field: str,
    value: Setting,
    clamped: bool = False,
    why: str = "",
) -> None:
    one = card.actuator(PATHS[field])
    if one is None or (one.words and value not in one.words):
        skipped.append((field, "this car has nothing to set it with"))
    else:
        targets.append(Target(field, one.path, value, clamped, why))


def unfit_radio(raw: Mapping[str, Setting]) -> dict[str, Value]:
    """What the tuner shows, as fields."""
    found: dict[str, Value] = {}
    bands = {source: band for band, source in SOURCES.items()}
    source = raw.get(PATHS[BAND])
    if isinstance(source, str) and source in bands:
        found[BAND] = bands[source]
    khz = raw.get(PATHS[FREQUENCY])
    if isinstance(khz, int | float) and khz > 0:
        found[FREQUENCY] = round(khz)
    key = raw.get(PATHS[SERVICE])
    if isinstance(key, str) and service(key) is not None:
        found[SERVICE] = key
    presets = raw.get(PATHS[PRESETS])
    if isinstance(presets, tuple | list):
        found[PRESETS] = tuple(one for one in presets if service(one) is not None)
    volume = raw.get(PATHS[VOLUME])
    if isinstance(volume, int | float):
        found[VOLUME] = float(volume)
    return found
