"""Profiles that wait for their guests: when they are over, and how many there are."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from forecourt.v1 import profile_pb2

from gateway.clock import ManualClock
from gateway.errors import InputError
from gateway.flow import profile_keeping as keeping
from gateway.flow.profile_stages import Stages
from gateway.limits import PROFILE_STAGES_MAX
from gateway.model import ClockQuality
from gateway.store import Store

HOUR_S = 3_600


@asynccontextmanager
async def stages(folder: Path) -> AsyncIterator[tuple[Stages, ManualClock]]:
    """Those of a vehicle."""
    clock = ManualClock()
    store = await Store.open(folder, clock=clock, bytes_max=1 << 20, migrations=[keeping.schema])
    try:
        yield Stages(store, clock, Counter()), clock
    finally:
        await store.aclose()


def staged(clock: ManualClock, number: int = 1, age_s: int = 0) -> bytes:
    """Of a lease of an hour, sent so long ago."""
    until_us = clock.wall_us() + (HOUR_S - age_s) * 1_000_000
    one = profile_pb2.ProfileStage(
        id=number.to_bytes(8, "big"), hint="7K", sealed=b"sealed", lease_s=HOUR_S, until_us=until_us
    )
    return one.SerializeToString()


async def test_a_lease_is_over_when_it_was_promised_to_be(tmp_path: Path) -> None:
    """However long it was on its way to a vehicle that was away; in one that knows no time, a lease after it came."""
    async with stages(tmp_path) as (one, clock):
        await one.put(staged(clock, age_s=3_000))
        clock.advance(601)
        await one.tidy()
        assert one.count == 0
        with pytest.raises(InputError, match="over"):
            await one.put(staged(clock, age_s=HOUR_S))
        clock.trust = ClockQuality.UNTRUSTED
        await one.put(staged(clock, age_s=HOUR_S))
        clock.advance(HOUR_S - 1)
        await one.tidy()
        assert one.count == 1
        clock.advance(2)
        await one.tidy()
        assert one.count == 0


async def test_the_soonest_over_make_room(tmp_path: Path) -> None:
    """Of too many."""
    async with stages(tmp_path) as (one, clock):
        for number in range(PROFILE_STAGES_MAX + 5):
            await one.put(staged(clock, number, age_s=100 + number))
        assert one.count == PROFILE_STAGES_MAX
        await one.take_back(profile_pb2.ProfileUnstage(id=(3).to_bytes(8, "big")).SerializeToString())
        assert one.count == PROFILE_STAGES_MAX - 1
