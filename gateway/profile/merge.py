"""How copies of a profile become one: the newest stamp wins, group by group; must never depend on who asks first.

`merge` is commutative, associative and idempotent, so copies converge whatever the order, the repetition or the loss of
what they tell each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.profile.document import Document, EpochRefused
from gateway.profile.hlc import AHEAD_MS_MAX, Hlc
from gateway.profile.register import Edit, Register

NEWER, SAME_TIME = "newer", "same_time"
_Rank = tuple[Hlc, str]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two changes of a group, neither of which knew the other: which was kept, which lost, and why."""

    group: str
    kept: Hlc
    lost: Hlc
    why: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The document and what was decided on the way."""

    document: Document
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an edit: `changed` whether the document did; `ahead` that its stamp is not believed."""

    document: Document
    changed: bool = False
    ahead: bool = False
    conflict: Conflict | None = None


def merge(mine: Document, theirs: Document) -> Merged:
    """Both in one, whichever is named first. EpochRefused where they are not of one epoch."""
    if mine.epoch != theirs.epoch:
        raise EpochRefused("the two profiles are of different epochs: fetch the whole profile anew")
    groups, others = mine.groups(), theirs.groups()
    registers: dict[str, Register] = {}
    conflicts: list[Conflict] = []
    for name in sorted(groups.keys() | others.keys()):
        here, there = groups.get(name, {}), others.get(name, {})
        kept, lost = (here, there) if _rank(here) >= _rank(there) else (there, here)
        registers |= kept
        conflict = _between(name, kept, lost)
        if conflict is not None:
            conflicts.append(conflict)
    version, schema = max(mine.version, theirs.version), max(mine.schema, theirs.schema)
    return Merged(replace(mine, registers=registers, version=version, schema=schema), tuple(conflicts))


def take(document: Document, edit: Edit, now_ms: int | None = None) -> Taken:
    """The document after an edit, with the next version where it changed.

    With `now_ms` a stamp more than a minute ahead of it is not taken: its clock has to be measured first.
    """
    if now_ms is not None and edit.hlc.ahead_ms(now_ms) > AHEAD_MS_MAX:
        return Taken(document, ahead=True)
    here, there = document.group(edit.group), edit.registers()
    wins = _rank(there) > _rank(here)
    conflict = _between(edit.group, there, here) if wins else _between(edit.group, here, there)
    if not wins:
        return Taken(document, conflict=conflict)
    unknown = {
        key: replace(one, hlc=edit.hlc, seen=edit.seen, origin=one.origin.without_raw())
        for key, one in here.items()
        if key not in there
    }
    return Taken(document.with_group(edit.group, unknown | there, document.version + 1), True, conflict=conflict)


def _rank(group: Mapping[str, Register]) -> _Rank:
    """What decides; the content only where one stamp was given twice."""
    if not group:
        return Hlc(-1, 0, ""), ""
    return max(one.hlc for one in group.values()), repr(sorted((k, repr(v.value)) for k, v in group.items()))


def _between(name: str, kept: Mapping[str, Register], lost: Mapping[str, Register]) -> Conflict | None:
    """Whether the kept one was made without knowing the lost one."""
    if not kept or not lost:
        return None
    won, gone = max(kept.values(), key=lambda one: one.hlc), max(one.hlc for one in lost.values())
    if won.hlc == gone or (won.seen is not None and won.seen >= gone):
        return None
    same_ms = won.hlc.physical_ms == gone.physical_ms
    return Conflict(name, won.hlc, gone, SAME_TIME if same_ms else NEWER)
