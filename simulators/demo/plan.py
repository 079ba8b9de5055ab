"""The plan of a demonstration: every signal of the drive on change; must never name one without a policy."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.consent import SignalPolicy
from gateway.model import WITHOUT_CONSENT, DataTier, Purpose, PurposeSet, purpose_set, purposes_of

LIVE = re.compile(r"Vehicle\.(Speed|CurrentLocation\..*|Acceleration\.Longitudinal)")
WANTED = purpose_set([Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS, Purpose.PROFILE])
_HEAD = """# Made for this demonstration: each signal of the drive becomes an event when it changes.
"""


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """The plan as TOML, the purposes it asks for, and the signals that it had to leave out."""

    text: str
    purposes: PurposeSet
    unclassified: list[str]


def plan_for(paths: Iterable[str], policy: SignalPolicy) -> DemoPlan:
    """One event for each classified signal, for the purposes that a guest of the demonstration grants."""
    parts, asked, left_out = [_HEAD], 0, []
    for index, path in enumerate(paths):
        found = policy.classify(path)
        purposes = 0
        if found is not None and found.tier is not DataTier.FORBIDDEN:
            purposes = found.purposes & WANTED or found.purposes & WITHOUT_CONSENT
        if not purposes:
            left_out.append(path)
            continue
        asked |= purposes & ~WITHOUT_CONSENT
        parts.append(_event(f"s{index}_{_word(path)}", path, purposes))
    return DemoPlan("\n".join(parts), asked, left_out)


def _event(name: str, path: str, purposes: PurposeSet) -> str:
    words = ", ".join(f'"{purpose.word}"' for purpose in purposes_of(purposes))
    stream = "live" if LIVE.fullmatch(path) else "bulk"
    return (
        f'[[event]]\nname = "{name}"\nsignals = ["{path}"]\non_change = true\npurposes = [{words}]\n'
        f'stream = "{stream}"\n'
    )


def _word(path: str) -> str:
    """The last part of a path as a name."""
    return re.sub(r"[^a-z0-9_]", "_", path.rpartition(".")[2].lower())[:40]
