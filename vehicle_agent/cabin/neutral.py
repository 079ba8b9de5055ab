"""What the cabin was like before the guest, and what of the guest lies in it; must never hold what a guest set.

Before the first order of a visit this lies on the disk, so that a wipe after a crash still knows: values of before, and
the paths (not the values) of private leaves that were written. Motions are not in it: a seat stays where it is, under
the person who sits there, until the next guest's plan.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from gateway.errors import InputError
from vehicle_agent.cabin.inputs import Inputs
from vehicle_agent.cabin.outcome import Setting
from vehicle_agent.cabin.paths import PRIVATE, Moves, leaf_of
from vehicle_agent.cabin.plan import NOISE, Limits

VERSION: Final = 1
BYTES_MAX: Final = 65_536
_HOME: Final = f"{PRIVATE}Home"


@dataclass(slots=True)
class Neutral:
    """`before`: non-motion values at the beginning of the visit; `wrote`: private leaves that carry a guest's words.

    `visit` tells one visit from another, see `visit_of`.
    """

    visit: str = ""
    before: dict[str, Setting] = field(default_factory=dict)
    wrote: set[str] = field(default_factory=set)

    @classmethod
    def captured(cls, visit: str, inputs: Inputs, limits: Mapping[str, Limits]) -> "Neutral":
        """As the cabin is now. Private leaves that somebody serves count as written: a crash must not need to know."""
        found = cls(visit)
        for path in limits:
            if path not in inputs.known or leaf_of(path).moves not in {Moves.COMFORT, Moves.HEAT}:
                continue
            value = inputs.value(path)
            if value is None:
                continue
            if is_personal(path, limits[path]):
                found.wrote.add(path)
            else:
                found.before[path] = value
        return found

    def orders(self, inputs: Inputs, limits: Mapping[str, Limits]) -> dict[str, Setting]:
        """What has to be ordered so that nothing of the guest is left; empty when all is as before.

        Heating goes off instead of back: nobody may sit there any more.
        """
        wanted: dict[str, Setting] = {}
        for path, value in self.before.items():
            back, here = off(value) if leaf_of(path).moves is Moves.HEAT else value, inputs.value(path)
            if path in limits and here is not None and not _same(here, back, limits[path]):
                wanted[path] = back
        for path in self.wrote & limits.keys():
            # One that shows nothing now may show it again, when its head unit is back.
            shown, empty = inputs.value(path), cleared(limits[path])
            if shown is None or not _same(shown, empty, limits[path]):
                wanted[path] = empty
        return wanted

    def to_bytes(self) -> bytes:
        """For the disk."""
        return json.dumps(
            {"version": VERSION, "visit": self.visit, "before": self.before, "wrote": sorted(self.wrote)}
        ).encode()

    @classmethod
    def of_bytes(cls, raw: bytes) -> "Neutral":
        """From the disk; raises InputError."""
        try:
            content = json.loads(raw) if len(raw) <= BYTES_MAX else None
            if not isinstance(content, dict) or content.get("version") != VERSION:
                raise InputError("of another version")
            before = {str(path): _setting(value) for path, value in content["before"].items()}
            return cls(str(content["visit"]), before, {str(path) for path in content["wrote"]})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"the cabin's neutral values cannot be read: {type(error).__name__}") from error


def _same(one: Setting, other: Setting, limits: Limits) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= limits.tolerance + NOISE
    return one == other


def visit_of(subject: int) -> str:
    """A word for a visit that says nothing of the guest: eight bytes of a hash of the visit's random handle."""
    return blake2b(subject.to_bytes(8, "big"), digest_size=8, person=b"cabin").hexdigest()


def is_personal(path: str, limits: Limits) -> bool:
    """Whether a leaf holds the guest's words or home: it is emptied, never set back."""
    return path.startswith(PRIVATE) and (limits.words or path.startswith(_HOME))


def personal(inputs: Inputs, limits: Mapping[str, Limits]) -> set[str]:
    """The leaves of a vehicle that hold a guest's words or home, of those that show anything."""
    return {path for path, one in limits.items() if is_personal(path, one) and inputs.value(path) is not None}


def cleared(limits: Limits) -> Setting:
    """Nobody's value: no words, or the number nearest to 0."""
    if limits.words:
        return () if limits.listed else ""
    low, high = limits.low if limits.low is not None else 0.0, limits.high if limits.high is not None else 0.0
    return min(max(0.0, low), high)


def off(value: Setting) -> Setting:
    """A heating of before, without the heat."""
    return min(value, 0) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _setting(value: object) -> Setting:
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return tuple(value)
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise InputError("a neutral value is none that an actuator takes")
