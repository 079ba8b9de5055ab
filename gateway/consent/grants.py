"""Grants, and whether they hold at a moment; must never ask for the time, and in doubt a bounded grant has ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from gateway.clock import Clock
from gateway.model import WITHOUT_CONSENT, ClockQuality, Purpose, PurposeSet

SECOND_US = 1_000_000


class Moment(NamedTuple):
    """What the clocks of a device showed at once."""

    wall_us: int
    boottime_s: float
    boot_id: int
    trusted: bool

    @classmethod
    def of(cls, clock: Clock) -> "Moment":
        """Now, by `clock`."""
        trusted = clock.quality() != ClockQuality.UNTRUSTED
        return cls(clock.wall_us(), clock.boottime_s(), clock.boot_id(), trusted)


@dataclass(frozen=True, slots=True)
class Grant:
    """A guest's yes to one purpose.

    `valid_from_us` and `valid_until_us` are microseconds since 1970 UTC, the end excluded; 0 and None leave them open.
    `record_id` names the record of consent. `given` is the moment at which this device learned of it.
    """

    subject: int
    purpose: Purpose
    valid_from_us: int = 0
    valid_until_us: int | None = None
    record_id: str = ""
    given: Moment | None = None


class Span(NamedTuple):
    """From when to when a grant holds, in seconds of CLOCK_BOOTTIME of the present boot; the end is excluded."""

    start_s: float
    end_s: float


NEVER = Span(inf, -inf)


def span(grant: Grant, now: Moment) -> Span:
    """When `grant` holds, as far as it can be judged at `now`.

    A wall clock that can be trusted decides; within the boot in which the grant was given, time since then decides
    too, so that setting the clock back prolongs nothing. Without a wall clock a grant lasts for its length from the
    moment it was given, and not over a boot.
    """
    if grant.valid_from_us == 0 and grant.valid_until_us is None:
        return Span(-inf, inf)
    given = grant.given
    trusted = now.trusted and not (given is not None and given.trusted and now.wall_us < given.wall_us)
    here = given if given is not None and given.boot_id == now.boot_id else None
    if trusted:
        by_wall = _shifted(grant, now)
        if here is None or not here.trusted:
            return by_wall
        by_boot = _shifted(grant, here)
        return Span(max(by_wall.start_s, by_boot.start_s), min(by_wall.end_s, by_boot.end_s))
    if here is None:
        return NEVER
    if here.trusted:
        return _shifted(grant, here)
    if grant.valid_from_us == 0 or grant.valid_until_us is None:
        return NEVER
    return Span(here.boottime_s, here.boottime_s + (grant.valid_until_us - grant.valid_from_us) / SECOND_US)


def _shifted(grant: Grant, at: Moment) -> Span:
    """The bounds of `grant` on CLOCK_BOOTTIME, by what both clocks showed at one moment."""
    start = -inf if grant.valid_from_us == 0 else at.boottime_s + (grant.valid_from_us - at.wall_us) / SECOND_US
    until = grant.valid_until_us
    return Span(start, inf if until is None else at.boottime_s + (until - at.wall_us) / SECOND_US)


class Standing(NamedTuple):
    """What is granted at a moment: purposes by subject, and the time of CLOCK_BOOTTIME at which to look again."""

    granted: dict[int, PurposeSet]
    until_s: float


def standing(grants: Iterable[Grant], now: Moment) -> Standing:
    """The grants that hold at `now`, and when the next begins or ends."""
    granted: dict[int, PurposeSet] = {}
    until = inf
    for grant in grants:
        if grant.subject == 0 or WITHOUT_CONSENT >> grant.purpose & 1:
            continue
        start, end = span(grant, now)
        if start <= now.boottime_s < end:
            granted[grant.subject] = granted.get(grant.subject, 0) | 1 << grant.purpose
            until = min(until, end)
        elif now.boottime_s < start < end:
            until = min(until, start)
    return Standing(granted, until)
