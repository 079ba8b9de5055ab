"""Authority, broker and device together: a yes gets there, a no reaches everything, old grants carry nothing new."""

import asyncio
from pathlib import Path

import pytest
from forecourt.v1 import consent_pb2

from gateway.consent.states import ConsentState
from gateway.limits import CONSENT_LEASE_S
from gateway.model import Purpose
from tests.kit.consent_loop import DRIVING, PROFILE, SUBJECT, loop

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]


async def test_a_yes_from_the_device_holds_inside_until_it_is_countersigned(tmp_path: Path) -> None:
    """Kept at once, sent only on the authority's record; and every bag that left names it."""
    async with loop(tmp_path) as one:
        async with one.car() as car:
            await car.yes(DRIVING)
            assert await car.append(DRIVING, count=50) == 50
            assert car.agent.consent.gate.may_use(SUBJECT, Purpose.DRIVING_BEHAVIOUR)
            assert not car.may_leave(DRIVING)
            await one.cloud_up()
            await car.runs()
            await car.until(lambda: car.may_leave(DRIVING))
            assert await car.agent.drained(20)
        await one.heard.mark()
        seen = list(one.heard.events())
        assert len(seen) == 50
        assert all(event.records and event.records[0] for event in seen)
        assert await one.effects() == 50


async def test_a_no_said_elsewhere_reaches_what_is_buffered(tmp_path: Path) -> None:
    """On the phone, while the device is away: at its return nothing of the purpose leaves, what was sent is erased."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car() as car:
            await car.yes(DRIVING, PROFILE)
            await car.runs()
            await car.until(lambda: car.may_leave(DRIVING, PROFILE))
            assert await car.append(DRIVING, count=20) == 20
            assert await car.agent.drained(20)
            assert await one.effects([DRIVING]) == 20
            one.network.cut()
            await one.say(ConsentState.WITHDRAWN, DRIVING)
            assert await one.effects([DRIVING]) == 0
            assert await car.append(DRIVING, count=20) == 20, "it has not heard yet"
            assert await car.append(DRIVING, PROFILE, count=20) == 20
            mark = await one.heard.mark()
            one.network.heal()
            car.agent.uplink.link.hurry()
            await car.until(lambda: not car.agent.consent.gate.granted(SUBJECT) >> DRIVING & 1)
            assert await car.append(DRIVING) == 0
            assert await car.agent.drained(20)
            assert (await car.agent.outbox.books()).balanced
        await one.heard.mark()
        after = list(one.heard.events(mark))
        assert len(after) == 20
        assert all(list(event.values.values()) == ["marker-profile"] for event in after)
        assert await one.effects([DRIVING]) == 0


async def test_a_no_on_the_device_is_not_undone_by_a_record_from_before(tmp_path: Path) -> None:
    """Offline the guest says no; the authority, which does not know, renews the lease with the old yes."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car() as car:
            await car.yes(DRIVING, PROFILE)
            await car.runs()
            await car.until(lambda: car.may_leave(DRIVING))
            held = await car.agent.consent.held(SUBJECT)
            one.network.cut()
            await car.no(DRIVING)
            old = consent_pb2.PutConsent(record=held.raw, epoch=held.epoch, changes_seen=held.seen, lease_s=3_600)
            assert car.agent.sync is not None
            await car.agent.sync.put(old.SerializeToString())
            assert await car.append(DRIVING) == 0
            one.network.heal()
            car.agent.uplink.link.hurry()
            await car.agent.drained(20)
            await car.until(lambda: car.may_leave(PROFILE))
            assert await car.append(DRIVING) == 0
        states = await one.rows("select purpose, state from consent_current order by purpose")
        assert states == [(int(DRIVING), int(ConsentState.WITHDRAWN)), (int(PROFILE), int(ConsentState.GIVEN))]


async def test_a_device_out_of_reach_stops_by_itself(tmp_path: Path) -> None:
    """A day without contact, most of it asleep: the lease is over, nothing is kept; contact renews it."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car() as car:
            await car.yes(DRIVING)
            await car.runs()
            await car.until(lambda: car.may_leave(DRIVING))
            one.network.cut()
            one.clock.advance(CONSENT_LEASE_S - 60)
            assert await car.append(DRIVING) == 1
            one.clock.advance(120)
            assert await car.append(DRIVING) == 0
            one.clock.jump(-365 * CONSENT_LEASE_S)
            assert await car.append(DRIVING) == 0, "a clock that is set back prolongs nothing"
            one.clock.jump(365 * CONSENT_LEASE_S)
            one.network.heal()
            car.agent.uplink.link.hurry()
            await car.until(lambda: car.may_leave(DRIVING))
            assert await car.append(DRIVING) == 1
            assert await car.agent.drained(20)


async def test_a_record_that_the_cloud_lost_comes_back_from_the_device(tmp_path: Path) -> None:
    """Neither effect nor receipt meanwhile; the device sends its copy, the authority knows its own signature."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car() as car:
            await car.yes(DRIVING)
            await car.runs()
            await car.until(lambda: car.may_leave(DRIVING))
            assert await car.agent.drained(20)
            await one.cloud_down()
            for path in one.folder.glob("cloud.db*"):
                await asyncio.to_thread(path.unlink)
            assert await car.append(DRIVING, count=7) == 7
            await one.cloud_up()
            assert await car.agent.drained(40)
        assert await one.effects([DRIVING]) == 7
