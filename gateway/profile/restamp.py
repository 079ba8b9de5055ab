"""Edits that wait for the authority, and their stamps once its time is known; must never change what was edited."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.profile.document import Document
from gateway.profile.hlc import Hlc, HlcClock, stamp_after
from gateway.profile.merge import take
from gateway.profile.offset import Dated, DatedBy, Moment, Offsets
from gateway.profile.register import Edit


@dataclass(frozen=True, slots=True)
class Pending:
    """An edit that the authority has not answered yet. `made`: when.

    `final` from the first time that it was sent: what may have been taken under a stamp has to come again under it.
    """

    edit: Edit
    made: Moment
    final: bool = False


def restamp(pending: Sequence[Pending], offsets: Offsets, now: Moment, clock: HlcClock) -> list[Pending]:
    """The same edits in their order, stamped by when they were made in the authority's time, as far as that is known.

    They keep their order and stay after what their guest had seen, whatever the clocks say; final ones stay as they
    are. `clock` forgets the stamps that are void now. Doing it again with better offsets is fine.
    """
    new_stamp: dict[Hlc, Hlc] = {}
    found: list[Pending] = []
    before: Hlc | None = None
    for one, dated in zip(pending, _dated(pending, offsets, now), strict=True):
        edit = one.edit
        if not one.final:
            seen = None if edit.seen is None else new_stamp.get(edit.seen, edit.seen)
            after = max((stamp for stamp in (before, seen) if stamp is not None), default=None)
            edit = replace(edit, hlc=stamp_after(dated.ms, after, clock.node), seen=seen)
            new_stamp[one.edit.hlc] = edit.hlc
        before = edit.hlc
        found.append(replace(one, edit=edit))
    clock.corrected(one.edit.hlc for one in found)
    return found


def rebuilt(base: Document, pending: Iterable[Pending]) -> Document:
    """What the device shows: the authority's document with the waiting edits on top, by their stamps."""
    for one in pending:
        base = take(base, one.edit).document
    return base


def _dated(pending: Sequence[Pending], offsets: Offsets, now: Moment) -> list[Dated]:
    """When each was made; what is not known well is not after the next one that is."""
    found: list[Dated] = []
    latest_ms: int | None = None
    for one in reversed(pending):
        dated = offsets.date(one.made, now)
        if latest_ms is not None and dated.ms > latest_ms:
            dated = replace(dated, ms=latest_ms)
        if dated.by is DatedBy.BOOT:
            latest_ms = dated.ms
        found.append(dated)
    return found[::-1]
