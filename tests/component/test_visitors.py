"""Many guests on one device, each with a yes of his own; what one takes back is no other's."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.guest import Visitors
from gateway.limits import CONSENT_SUBJECTS_MAX
from gateway.model import Purpose, purpose_set
from gateway.runtime import visitors_of
from tests.kit.consent_loop import ANALYTICS, DRIVING, PROFILE, Car, Loop, loop

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]


def visitors(car: Car) -> Visitors:
    """Those of a device."""
    found = visitors_of(car.agent)
    assert found is not None
    return found


async def test_thirty_guests_each_with_a_yes_of_his_own(tmp_path: Path) -> None:
    """Countersigned one by one by the authority; each leaves alone, and the cloud has of each what he agreed to."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car(subject=0) as car:
            many = visitors(car)
            await car.runs()
            wanted = {1_000 + n: (DRIVING,) if n % 2 else (DRIVING, ANALYTICS) for n in range(30)}
            for subject, purposes in wanted.items():
                assert await many.agree(subject, (*purposes, Purpose.MARKETING_EMAIL)) == purpose_set(purposes)
            assert many.count == 30
            gate = car.agent.consent.gate
            await car.until(lambda: all(gate.may_leave(s, purpose_set(p)) for s, p in wanted.items()))
            assert not gate.may_leave(1_001, purpose_set([ANALYTICS]))
            await send(car, wanted)
            assert await car.agent.drained(20)
            assert await one.effects([ANALYTICS]) == 15
            await many.leave(1_000)
            assert many.in_force(1_000) == 0
            assert many.in_force(1_002) == purpose_set([DRIVING, ANALYTICS])
            await car.until(lambda: many.count == 29)
            assert await car.agent.drained(20)
            assert await one.effects([ANALYTICS]) == 14
            assert (await car.agent.outbox.books()).balanced


async def send(car: Car, wanted: Mapping[int, tuple[Purpose, ...]]) -> None:
    """One event of each guest, for what he agreed to."""
    for subject, purposes in wanted.items():
        car.subject = subject
        assert await car.append(*purposes) == 1


async def test_a_visit_that_the_authority_ends_is_wiped_and_told(tmp_path: Path) -> None:
    """session.end of one guest; the others stay. Erased at the authority is gone here."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car(subject=0) as car:
            many = visitors(car)
            await car.runs()
            ended: list[int] = []
            many.on_ended.append(ended.append)
            for subject in (7, 8):
                await many.agree(subject, [PROFILE])
            gate = car.agent.consent.gate
            await car.until(lambda: all(gate.may_leave(s, purpose_set([PROFILE])) for s in (7, 8)))
            await say_end(one, 7)
            await car.until(lambda: ended == [7])
            assert not gate.may_use(7, PROFILE)
            assert gate.may_use(8, PROFILE)
            assert one.cloud is not None
            assert one.cloud.authority is not None
            await one.cloud.authority.erase(8)
            await car.until(lambda: not gate.may_use(8, PROFILE))


async def say_end(one: Loop, subject: int) -> None:
    """The authority ends a visit."""
    from forecourt.v1 import consent_pb2

    assert one.cloud is not None
    body = consent_pb2.EndSession(subject=subject, reason="closing_time").SerializeToString()
    async with asyncio.timeout(10):
        await one.cloud.commander.issue("car-1", "session.end", body)


async def test_guests_are_served_while_the_cloud_is_away(tmp_path: Path) -> None:
    """A yes without a network holds inside; nothing leaves before it is countersigned, then all of it does."""
    async with loop(tmp_path) as one:
        one.network.cut()
        async with one.car(subject=0) as car:
            many = visitors(car)
            await car.runs()
            assert await many.agree(5, [DRIVING]) == purpose_set([DRIVING])
            car.subject = 5
            assert await car.append(DRIVING, count=4) == 4
            assert not car.may_leave(DRIVING)
            await one.cloud_up()
            one.network.heal()
            car.agent.uplink.link.hurry()
            await car.until(lambda: car.may_leave(DRIVING))
            assert await car.agent.drained(20)
            assert await one.effects([DRIVING]) == 4


async def test_guests_come_and_go_all_day(tmp_path: Path) -> None:
    """More of them than may be here at once: whoever leaves makes room, and a restart does too."""
    async with loop(tmp_path) as one:
        async with one.car(subject=0) as car:
            many = visitors(car)
            for subject in range(1, CONSENT_SUBJECTS_MAX + 6):
                assert await many.agree(subject, [DRIVING]) == purpose_set([DRIVING])
                if subject > 3:
                    await many.leave(subject)
            assert many.count == 3
        async with one.car(subject=0) as car:
            many = visitors(car)
            assert many.in_force(1) == purpose_set([DRIVING])
            await many.start()
            assert many.in_force(1) == 0
            assert (await car.agent.consent.held(1)).pending == ()
            assert await many.agree(9_999, [DRIVING]) == purpose_set([DRIVING])
            assert (await car.agent.outbox.books()).balanced
