"""Proves what may not leave does not: gate, fence, budget; and what comes down on request; on a real broker."""

import asyncio
import threading
from pathlib import Path

import pytest
from forecourt.v1 import downlink_pb2

from gateway.flow.budget import Budget, BudgetSettings
from gateway.model import PurposeSet, SeqRange, Stream
from gateway.wire.signing import sign
from tests.component.uplinks import CLOUD_KEY, TOPICS, Cloudlet, car
from tests.kit.broker import mosquitto
from tests.kit.gates import AllowAll
from tests.kit.outboxes import USE

pytestmark = [pytest.mark.needs_mosquitto]


async def test_a_metered_link_and_a_spent_day(tmp_path: Path) -> None:
    """Bulk stays on a metered device, comes when the link is free, and stops at its daily budget."""
    cloud = Cloudlet()
    budget = Budget(BudgetSettings(metered=True, daily_bytes={Stream.BULK: 900}))
    async with (
        mosquitto() as broker,
        cloud.online(broker.endpoint()),
        car(tmp_path, broker.endpoint(), budget=budget) as device,
    ):
        await device.append(Stream.BULK, 400)
        await device.append(Stream.LIVE, 10)
        await cloud.until(lambda: cloud.count(Stream.LIVE) == 10)
        assert cloud.count(Stream.BULK) == 0
        budget.metered = False
        await cloud.until(lambda: cloud.count(Stream.BULK) == 400)
        while budget.left(Stream.BULK):
            await device.append(Stream.BULK, 400)
            await device.until(lambda status: status.drained or not budget.left(Stream.BULK))
        held = cloud.count(Stream.BULK)
        await device.append(Stream.BULK, 5)
        await device.append(Stream.LIVE, 5)
        await cloud.until(lambda: cloud.count(Stream.LIVE) == 15)
        assert cloud.count(Stream.BULK) == held


async def test_the_gate_is_asked_again_when_bags_leave(tmp_path: Path) -> None:
    """What was kept and is denied by now does not leave, though nobody took it off the shelf."""
    cloud, gate = Cloudlet(), AllowAll()
    async with mosquitto() as broker, car(tmp_path, broker.endpoint(), gate=gate) as device:
        await device.append(Stream.LIVE, 20, subject=8)
        await device.append(Stream.LIVE, 20, subject=9)
        gate.deny(8, USE)
        async with cloud.online(broker.endpoint()):
            await cloud.until(lambda: cloud.count(Stream.LIVE) == 20)
            await device.append(Stream.LIVE, 1, subject=9)
            await cloud.until(lambda: cloud.count(Stream.LIVE) == 21)
    subjects = {consent.subject for arrival in cloud.arrivals for consent in arrival.batch.consents}
    assert subjects == {9}


async def test_the_fence_cuts_a_connection_that_holds_withdrawn_bytes(tmp_path: Path) -> None:
    """While a batch about the subject has no PUBACK the fence drops the connection; afterwards it leaves it alone."""
    cloud, gate = Cloudlet(), AllowAll()
    async with (
        mosquitto() as broker,
        cloud.online(broker.endpoint()),
        car(tmp_path, broker.endpoint(), gate=gate) as device,
    ):
        await device.append(Stream.LIVE, 5, subject=9)
        await device.until(lambda status: status.drained and status.in_flight == 0)
        before = device.uplink.link.connection
        await device.uplink.fence(8, USE)
        await device.uplink.fence(9, USE)
        assert device.uplink.link.connection is before, "nothing about them is on its way"
        broker.freeze()
        await device.append(Stream.LIVE, 5, subject=8)
        await device.until(lambda status: status.in_flight > 0)
        await device.uplink.fence(9, USE)
        assert device.uplink.link.connection is before
        gate.deny(8, USE)
        await device.uplink.fence(8, USE)
        assert before is not None
        assert before.closed.done()
        broker.thaw()


class SlowGate(AllowAll):
    """A gate whose answer on the way out takes until a test lets it go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = threading.Event(), threading.Event()
        self.slow = False

    def may_leave(self, subject: int, purposes: PurposeSet) -> bool:
        """On the reader thread: says yes, slowly; a commit asks too, on its own thread."""
        answer = super().may_leave(subject, purposes)
        if self.slow and subject == 8 and "reader" in threading.current_thread().name:
            self.asked.set()
            self.go.wait(10)
        return answer


async def test_the_fence_waits_for_a_hand_out_that_is_under_way(tmp_path: Path) -> None:
    """Bags that were taken under the old grants are dropped, and the fence returns only when they are."""
    cloud, gate = Cloudlet(), SlowGate()
    async with (
        mosquitto() as broker,
        cloud.online(broker.endpoint()),
        car(tmp_path, broker.endpoint(), gate=gate) as device,
    ):
        await device.until(lambda status: status.online)
        gate.slow = True
        await device.append(Stream.LIVE, 5, subject=8)
        await asyncio.to_thread(gate.asked.wait, 10)
        gate.slow = False
        gate.deny(8, USE)
        async with asyncio.TaskGroup() as group:
            fenced = group.create_task(device.uplink.fence(8, USE))
            await asyncio.sleep(0.2)
            assert not fenced.done()
            gate.go.set()
        assert device.status.stale_hand_outs == 1
        await device.append(Stream.LIVE, 5, subject=9)
        await cloud.until(lambda: cloud.count(Stream.LIVE) == 5)
    assert {consent.subject for arrival in cloud.arrivals for consent in arrival.batch.consents} == {9}


async def test_settled_events_are_sent_again_on_request(tmp_path: Path) -> None:
    """Where they are retained, a range comes once more, marked as replayed."""
    cloud = Cloudlet()
    async with (
        mosquitto() as broker,
        cloud.online(broker.endpoint()),
        car(tmp_path, broker.endpoint(), retain=True) as device,
    ):
        await device.append(Stream.LIVE, 100)
        await device.until(lambda status: status.drained)
        await device.settled(100)
        cloud.held.clear()
        assert await device.uplink.resend(Stream.LIVE, SeqRange(1, 100)) == 100
        await cloud.until(lambda: cloud.count(Stream.LIVE) == 100)
    assert all(bag.replayed for bag in cloud.arrivals[-1].batch.bags)


async def test_a_command_comes_down_and_its_answers_go_up(tmp_path: Path) -> None:
    """Through the broker: one effect, and ACCEPTED, RUNNING, DONE in the control stream."""
    cloud = Cloudlet()
    ran: list[bytes] = []

    async def echo(body: bytes) -> bytes:
        ran.append(body)
        return body

    async with mosquitto() as broker, cloud.online(broker.endpoint()), car(tmp_path, broker.endpoint()) as device:
        device.router.register("test.echo", echo)
        await device.until(lambda status: status.online)
        now = device.store.clock.wall_us()
        command = downlink_pb2.Command(
            id=4, kind="test.echo", issued_us=now, not_after_us=now + 1_000_000, counter=1, body=b"x"
        )
        payload = sign(CLOUD_KEY, TOPICS.command, command.SerializeToString())
        for _ in range(3):
            cloud.send(TOPICS.command, payload)
        await cloud.until(lambda: any(reply.stage == 3 for reply in cloud.replies))
    assert [reply.stage for reply in cloud.replies][:3] == [1, 2, 3]
    assert ran == [b"x"]
