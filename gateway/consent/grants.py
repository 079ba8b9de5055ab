"""Grants and leases, and whether they hold at a moment; must never ask for the time, and in doubt one has ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from gateway.clock import Clock
from gateway.model import WITHOUT_CONSENT, ClockQuality, Purpose, PurposeSet, Scope

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


class Lease(NamedTuple):
    """How long what is known of a subject may be relied on: `length_s` of CLOCK_BOOTTIME from `given`, with suspends.

    Over a boot the wall clock counts, if it could be trusted on both sides; otherwise the lease has ended.
    """

    subject: int
    given: Moment
    length_s: float


@dataclass(frozen=True, slots=True)
class Grant:
    """A guest's yes to one purpose.

    `valid_from_us` and `valid_until_us` are microseconds since 1970 UTC, the end excluded; 0 and None leave them open.
    `record_id` names the record of consent. `given` is the moment at which this device learned of it. `asked` is how
    far the guest let it go, `scope` how far that is in force (never further). `lease` is None for a grant of the
    settings, which needs none.
    """

    subject: int
    purpose: Purpose
    valid_from_us: int = 0
    valid_until_us: int | None = None
    record_id: str = ""
    given: Moment | None = None
    scope: Scope = Scope.CLOUD
    asked: Scope = Scope.CLOUD
    lease: Lease | None = None


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


def lease_span(lease: Lease, now: Moment) -> Span:
    """When `lease` holds, as far as it can be judged at `now`; setting the wall clock changes nothing in its boot."""
    given = lease.given
    if given.boot_id == now.boot_id:
        return Span(given.boottime_s, given.boottime_s + lease.length_s)
    gone_s = (now.wall_us - given.wall_us) / SECOND_US
    if not (given.trusted and now.trusted) or gone_s < 0:
        return NEVER
    return Span(-inf, now.boottime_s + lease.length_s - gone_s)


class Standing(NamedTuple):
    """What holds at a moment, purposes by subject.

    `granted`: data may be kept in order to go as far as asked; `leave`: it may go now; `use`: it may be used on the
    spot. `until_s`: the time of CLOCK_BOOTTIME at which to look again.
    """

    granted: dict[int, PurposeSet]
    leave: dict[int, PurposeSet]
    use: dict[int, PurposeSet]
    until_s: float


def standing(grants: Iterable[Grant], now: Moment, reach: Scope = Scope.CLOUD) -> Standing:
    """The grants that hold at `now` where data goes as far as `reach`, and when the next begins or ends."""
    found = Standing({}, {}, {}, inf)
    until = inf
    for grant in grants:
        if grant.subject == 0 or WITHOUT_CONSENT >> grant.purpose & 1:
            continue
        start, end = span(grant, now)
        if grant.lease is not None:
            leased = lease_span(grant.lease, now) if grant.lease.subject == grant.subject else NEVER
            start, end = max(start, leased.start_s), min(end, leased.end_s)
        if start <= now.boottime_s < end:
            effective, bit = min(grant.scope, grant.asked), 1 << grant.purpose
            for sets, holds in (
                (found.granted, grant.asked >= reach and effective >= Scope.IN_VEHICLE),
                (found.leave, effective >= reach),
                (found.use, effective >= Scope.IN_VEHICLE),
            ):
                if holds:
                    sets[grant.subject] = sets.get(grant.subject, 0) | bit
            until = min(until, end)
        elif now.boottime_s < start < end:
            until = min(until, start)
    return found._replace(until_s=until)
