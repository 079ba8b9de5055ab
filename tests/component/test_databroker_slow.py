"""Proves what a subscriber that does not read loses over gRPC: what its buffer cannot hold, and that it is counted."""

import asyncio

import pytest
from kuksa.val.v2 import val_pb2

from simulators.databroker import Databroker
from tests.kit.databrokers import SPEED, raw, served

BURST = 200
LOST = 500
LAST = -1.0


async def publish_until_lost(broker: Databroker) -> int:
    """Publishes rising numbers until LOST messages are dropped, then LAST; how many messages that were."""
    sent = 0
    async with asyncio.timeout(20.0):
        while broker.counters.dropped_messages < LOST:
            for _ in range(BURST):
                assert broker.publish([(SPEED, float(sent), sent)]) == []
                sent += 1
            await asyncio.sleep(0)
    assert broker.publish([(SPEED, LAST, sent)]) == []
    return sent + 1


@pytest.mark.parametrize("buffer_size", [0, 7, 1_000])
async def test_messages_are_received_or_counted_as_dropped(buffer_size: int) -> None:
    """The count rises while the subscriber is there; what arrives is in order and ends with the newest."""
    async with served() as (broker, _), raw(broker) as stub:
        stream = stub.Subscribe(val_pb2.SubscribeRequest(signal_paths=[SPEED], buffer_size=buffer_size))
        assert not (await stream.read()).entries[SPEED].HasField("value")
        sent = await publish_until_lost(broker)
        seen: list[float] = []
        while not seen or seen[-1] != LAST:
            seen.append((await stream.read()).entries[SPEED].value.float)
        assert broker.counters.subscriptions == 1
        assert len(seen) + broker.stats()["dropped_messages"] == sent
        assert seen[:-1] == sorted(set(seen[:-1]))
        stream.cancel()
